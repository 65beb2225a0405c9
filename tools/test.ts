/**
 * `npm test [-- PATTERN …]`: unit, port and simulation tests beside the sources, then what crosses a process under test/.
 * A test that needs something absent here skips with a line; DROVER_TEST_REQUIRE=geth,anvil turns those skips into failures.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const patterns = process.argv.slice(2)
const everything = ['src/**/*.test.ts', 'tools/**/*.test.ts', 'test/**/*.test.ts']

const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-timeout=180000',
    `--test-concurrency=${availableParallelism()}`,
    `--test-reporter=${process.env['CI'] === 'true' ? 'tap' : 'spec'}`,
    ...(patterns.length > 0 ? patterns : everything),
  ],
  { stdio: 'inherit' },
)
process.exitCode = status ?? 1
