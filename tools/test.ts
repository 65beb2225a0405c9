/**
 * `npm test [-- [--rig NAME] [PATTERN …]]`: unit, port and simulation tests beside the sources, then what crosses a process under test/.
 * With --rig kafka the suites of test/cluster run on a broker, two geth nodes, a master beside each and four replicas (test/cluster/rig.ts).
 * A test that needs something absent here skips with a line; DROVER_TEST_REQUIRE=geth,anvil turns those skips into failures.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Beyond this something hangs, and the runner names what was still running: the whole takes a quarter of it on two cores. */
const LIMIT_MS = 45 * 60_000

const words = process.argv.slice(2)
const rig = words[0] === '--rig' ? words.splice(0, 2)[1] : undefined
const patterns = rig !== undefined && words.length === 0 ? ['test/cluster/*.e2e.test.ts'] : words
const everything = ['src/**/*.test.ts', 'tools/**/*.test.ts', 'test/**/*.test.ts']

const { status, error } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-timeout=180000',
    `--test-concurrency=${rig === undefined ? availableParallelism() : 1}`,
    `--test-reporter=${process.env['CI'] === 'true' ? 'tap' : 'spec'}`,
    ...(patterns.length > 0 ? patterns : everything),
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, ...(rig !== undefined && { DROVER_TEST_RIG: rig }) },
    timeout: LIMIT_MS,
    killSignal: 'SIGINT',
  },
)
if (error !== undefined) console.error(`the tests were ended: ${error.message}`)
process.exitCode = status ?? 1
