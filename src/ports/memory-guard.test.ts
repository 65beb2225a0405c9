import assert from 'node:assert/strict'
import test from 'node:test'
import { silent } from './logger.ts'
import type { MemoryUse } from './memory.ts'
import { startMemoryGuard } from './memory-guard.ts'
import { createMeterRegistry } from './meter/meter-registry.ts'
import { openScope } from './scope.ts'
import { createVirtualClock } from './testing/virtual-clock.ts'

const MB = 1_000_000

async function guarded(...limits: number[]) {
  const clock = createVirtualClock()
  const scope = openScope('test')
  const meter = createMeterRegistry()
  const uses = limits.map((limitBytes): { -readonly [K in keyof MemoryUse]: MemoryUse[K] } => ({
    source: 'cgroup v2',
    usedBytes: 0,
    limitBytes,
  }))
  const seen = { reclaimed: 0, shrunk: 0, changes: [] as boolean[], lines: [] as string[] }
  const log = {
    ...silent,
    warn: (line: string) => seen.lines.push(line),
    info: (line: string) => seen.lines.push(line),
  }
  const guard = startMemoryGuard(
    {
      memory: { read: () => uses, reclaim: () => seen.reclaimed++ },
      clock,
      log,
      meter,
      shrink: () => seen.shrunk++,
      changed: (short) => seen.changes.push(short),
    },
    scope,
  )
  const use = async (bytes: number, at = 0, ms = 100): Promise<boolean> => {
    const one = uses[at] ?? assert.fail('there is such a limit')
    one.usedBytes = bytes
    await clock.advance(ms)
    return guard.isShort()
  }
  return { guard, use, seen, meter, close: () => scope.close() }
}

test('memory is short below a reserve of 15 %, and until there is half as much again', async () => {
  const { use, seen, close } = await guarded(100 * MB)
  const steps = [84, 86, 84, 79, 77, 84, 86]
  const short: boolean[] = []
  for (const step of steps) short.push(await use(step * MB))
  assert.deepEqual(short, [false, true, true, true, false, false, true])
  assert.deepEqual(seen.changes, [true, false, true])
  await close()
})

test('of a large limit no more than 512 MiB are kept free', async () => {
  const { use, close } = await guarded(24_000 * MB)
  assert.equal(await use(23_400 * MB), false)
  assert.equal(await use(23_500 * MB), true)
  await close()
})

test('any limit that is nearly reached makes memory short', async () => {
  const { use, close } = await guarded(24_000 * MB, 100 * MB)
  assert.equal(await use(90 * MB, 1), true)
  assert.equal(await use(10 * MB, 1), false)
  await close()
})

test('while memory is short, caches are dropped and garbage is collected once a second', async () => {
  const { use, seen, close } = await guarded(100 * MB)
  await use(95 * MB)
  assert.deepEqual([seen.shrunk, seen.reclaimed], [1, 1])
  await use(95 * MB, 0, 3_000)
  assert.deepEqual([seen.shrunk, seen.reclaimed], [4, 4])
  await use(1 * MB, 0, 5_000)
  assert.deepEqual([seen.shrunk, seen.reclaimed], [4, 4])
  await close()
})

test('it is counted each time, and logged now and then', async () => {
  const { use, seen, meter, close } = await guarded(100 * MB)
  for (let i = 0; i < 20; i++) {
    await use(95 * MB)
    await use(1 * MB)
  }
  assert.match(meter.render(), /drover_memory_shortages_total 20\n/)
  assert.match(meter.render(), /drover_memory_short 0\n/)
  assert.match(meter.render(), /drover_memory_used_bytes\{source="cgroup v2"\} 1000000\n/)
  assert.deepEqual(
    seen.lines.map((line) => line.split(':')[0]),
    ['memory is short', 'memory is enough again'],
  )
  await close()
})
