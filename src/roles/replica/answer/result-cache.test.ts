import assert from 'node:assert/strict'
import test from 'node:test'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createResultCache } from './result-cache.ts'

function cache(bytesMax: number) {
  const meter = createMeterRegistry()
  const results = createResultCache(bytesMax, meter)
  let made = 0
  /** True where it had to be made. */
  const ask = (key: string, bytes = 800): boolean => {
    const before = made
    results.get(key, () => (made++, new Uint8Array(bytes)))
    return made > before
  }
  const heldBytes = (): number => Number(/cache_bytes (\d+)/.exec(meter.render())?.[1])
  return { ask, heldBytes, meter, results }
}

test('what is kept is not made again, and counted', () => {
  const { ask, meter } = cache(10_000)
  assert.deepEqual([ask('a'), ask('a'), ask('b'), ask('a')], [true, false, true, false])
  assert.match(meter.render(), /lookups_total\{outcome="found"\} 2\n/)
  assert.match(meter.render(), /lookups_total\{outcome="made"\} 2\n/)
})

test('over the limit what was not asked for the longest is dropped', () => {
  const { ask, heldBytes } = cache(4_000) // four entries of a thousand bytes
  for (const key of ['a', 'b', 'c', 'd']) assert.ok(ask(key))
  assert.ok(!ask('a'))
  assert.ok(ask('e'), 'the fifth drives out b')
  assert.equal(heldBytes(), 4_000)
  assert.deepEqual([ask('a'), ask('c'), ask('d'), ask('e')], [false, false, false, false])
  assert.ok(ask('b'))
})

test('an entry that would drive out too much is not kept, nor is anything where there is no room', () => {
  const { ask, heldBytes, results } = cache(4_000)
  assert.deepEqual([ask('large', 900), ask('large', 900)], [true, true])
  assert.ok(ask('small'))
  assert.equal(heldBytes(), 1_000)
  const none = cache(0)
  assert.deepEqual([none.ask('a'), none.ask('a')], [true, true])
  assert.equal(
    results.get('absent', () => undefined),
    undefined,
  )
})
