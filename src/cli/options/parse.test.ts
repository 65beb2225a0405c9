import assert from 'node:assert/strict'
import test from 'node:test'
import { Fault } from '#kernel/fault.ts'
import type { OptionTable } from '#ports/options.ts'
import { parseOptions, type Written } from './parse.ts'

const table = {
  port: { flag: 'port', type: 'integer', default: '8545', min: 1, max: 65_535, help: 'where to listen' },
  blockTimeMs: { flag: 'block-time', type: 'duration', default: '1s', help: 'time between blocks' },
  data: { flag: 'data', type: 'text', help: 'a folder' },
  masters: { flag: 'masters', type: 'list', help: 'addresses' },
  verify: {
    flag: 'verify',
    type: 'choice',
    choices: ['digest', 'strict'],
    default: 'digest',
    help: 'how much to check',
  },
  quiet: { flag: 'quiet', type: 'switch', help: 'say less' },
  cacheBytes: { flag: 'cache', type: 'bytes', default: '64MiB', help: 'memory for answers' },
} as const satisfies OptionTable

const parse = (written: Partial<Written>) => parseOptions(table, { args: [], environment: {}, ...written })
const faultOf = (act: () => unknown): Fault => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}

test('a flag beats the environment, which beats the file, which beats the default', () => {
  const file = { port: 1, 'block-time': '3s', data: 'c' }
  const environment = { DROVER_PORT: '2', DROVER_BLOCK_TIME: '250ms' }
  const { values, origins } = parse({ args: ['--port', '3'], environment, file })
  assert.equal(values.port, 3)
  assert.equal(values.blockTimeMs, 250)
  assert.equal(values.data, 'c')
  assert.equal(values.cacheBytes, 67_108_864)
  assert.deepEqual(
    [origins.port, origins.blockTimeMs, origins.data, origins.cacheBytes, origins.masters],
    ['flag', 'environment', 'config file', 'default', 'absent'],
  )
})

test('lists come by comma or by repetition, switches without a value', () => {
  const { values, operands } = parse({ args: ['--masters', 'a,b', '--masters=c', '--quiet', 'operand'] })
  assert.deepEqual(values.masters, ['a', 'b', 'c'])
  assert.equal(values.quiet, true)
  assert.deepEqual(operands, ['operand'])
  const after = parse({ args: ['--quiet', '--', 'geth', '--quiet', '--no-such'] })
  assert.deepEqual(after.operands, ['geth', '--quiet', '--no-such'])
})

test('an unknown flag, variable or key names the nearest known one', () => {
  assert.match(faultOf(() => parse({ args: ['--prot', '1'] })).message, /did you mean --port/)
  assert.match(faultOf(() => parse({ environment: { DROVER_BLOCKTIME: '1s' } })).message, /DROVER_BLOCK_TIME/)
  assert.match(faultOf(() => parse({ file: { cahce: '1MB' } })).message, /"cache"/)
})

test('a value that does not fit says what would', () => {
  const cases: [string[], RegExp][] = [
    [['--port', 'x'], /whole number/],
    [['--port', '0'], /at least 1/],
    [['--port', '70000'], /at most 65535/],
    [['--block-time', '5'], /250ms/],
    [['--cache', '1XB'], /64MB/],
    [['--verify', 'no'], /digest, strict/],
    [['--quiet=maybe'], /true or false/],
    [['--port'], /needs a value/],
    [['--port', '1', '--port', '2'], /twice/],
  ]
  for (const [args, message] of cases) assert.match(faultOf(() => parse({ args })).message, message)
})

test('what is needed and not given says how to give it', () => {
  const needed = {
    client: { flag: 'client', type: 'text', required: true, help: 'the execution client' },
  } as const
  const fault = faultOf(() => parseOptions(needed, { args: [], environment: {} }))
  assert.equal(fault.code, 'options/missing')
  assert.match(fault.message, /--client .*DROVER_CLIENT/)
})
