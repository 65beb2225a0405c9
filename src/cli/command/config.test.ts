import assert from 'node:assert/strict'
import test from 'node:test'
import { commands } from '#cli/commands.ts'
import { Fault } from '#kernel/fault.ts'
import type { Command } from './command.ts'
import { showConfig } from './config.ts'

const gateway = commands.find(({ name }) => name === 'gateway') as Command
const everyFlag = commands.flatMap(({ options }) => Object.values(options).map(({ flag }) => flag))

test('every option is shown with its value and where it comes from; nothing secret is', () => {
  const shown = showConfig(
    gateway,
    {
      args: ['--port', '9000', '--forward-secret', 'tell nobody'],
      environment: { DROVER_BODY_MAX: '1MiB' },
      file: { masters: 'http://m:1' },
    },
    everyFlag,
  )
  const of = (name: string) => {
    const { value, origin } = shown.options.find((option) => option.name === name) ?? assert.fail(name)
    return [value, origin]
  }
  assert.equal(shown.options.length, Object.keys(gateway.options).length)
  assert.deepEqual(of('port'), [9000, 'flag'])
  assert.deepEqual(of('bodyBytesMax'), [1_048_576, 'environment'])
  assert.deepEqual(of('masters'), ['http://m:1', 'config file'])
  assert.deepEqual(of('host'), ['127.0.0.1', 'default'])
  assert.deepEqual(of('replicas'), [null, 'needed'])
  assert.deepEqual(of('forwardSecret'), ['••••', 'flag'])
  assert.ok(!JSON.stringify(shown).includes('tell nobody'))
})

test('limits that are options are shown with the value in force, beside those that are none', () => {
  const { limits } = showConfig(gateway, { args: ['--body-max', '2MiB'], environment: {} }, everyFlag)
  const body = limits.find(({ name }) => name === 'bodyBytesMax')
  assert.deepEqual([body?.value, body?.flag], [2_097_152, '--body-max'])
  const batch = limits.find(({ name }) => name === 'batchCallsMax')
  assert.deepEqual([batch?.value, batch?.flag], [1_000, null])
})

test('every limit of every command says what happens over it', () => {
  const all = commands.flatMap(
    (command) => showConfig(command, { args: [], environment: {} }, everyFlag).limits,
  )
  assert.ok(all.length > 40)
  for (const { name, value, what, over } of all) {
    assert.ok(Number.isSafeInteger(value), name)
    assert.ok(what.length > 5 && over.length > 5, name)
  }
})

test('what is no option of the command is an error, as it would be there', () => {
  const fault = (args: string[]): string => {
    try {
      showConfig(gateway, { args, environment: {} }, everyFlag)
    } catch (thrown) {
      if (thrown instanceof Fault) return thrown.code
      throw thrown
    }
    return 'none'
  }
  assert.equal(fault(['--prot', '1']), 'options/unknown')
  assert.equal(fault(['--port', 'x']), 'options/invalid')
  assert.equal(fault(['stray']), 'options/unknown')
})
