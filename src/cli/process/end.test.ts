import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import test from 'node:test'

const END = join(import.meta.dirname, 'end.ts')

const wordsOf = (code: string): string[] => [
  '--input-type=module',
  '-e',
  `import { dieOf, endSoon } from ${JSON.stringify(END)}; ${code}`,
]
const run = (code: string) => {
  const { status, signal, stdout } = spawnSync(process.execPath, wordsOf(code), {
    ...{ encoding: 'utf8', timeout: 20_000, killSignal: 'SIGKILL' },
  })
  return { status, signal, stdout }
}

test('a process ends with its code and all that it printed, whatever is left open', () => {
  const { status, stdout } = run(
    `process.stdout.write('x'.repeat(300_000)); process.exitCode = 75; endSoon()`,
  )
  assert.deepEqual([status, stdout.length], [75, 300_000])
  assert.equal(run('process.exitCode = 2; setInterval(() => {}, 1_000); endSoon()').status, 2)
})

test('a process that somebody supervises ends as soon by itself as any other', async () => {
  const code = `process.on('disconnect', () => {}); process.on('beforeExit', () => console.log('by itself')); endSoon()`
  const child = spawn(process.execPath, wordsOf(code), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  let printed = ''
  child.stdout?.on('data', (bytes: Buffer) => (printed += bytes.toString()))
  assert.deepEqual(await once(child, 'close'), [0, null])
  assert.equal(printed, 'by itself\n')
})

test('a process dies of the signal that it listened to', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) {
    const { signal: of } = run(
      `process.on('SIGINT', () => {}); process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000); dieOf('${signal}')`,
    )
    assert.equal(of, signal)
  }
})
