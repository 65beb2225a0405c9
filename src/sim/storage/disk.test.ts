import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createPrng } from '#kernel/prng.ts'
import { pump } from '#sim/testing/pump.ts'
import type { Life } from '#sim/world/life.ts'
import { SimProcess } from '#sim/world/process.ts'
import { createWorld } from '#sim/world/world.ts'
import { createSimDisk } from './disk.ts'

test('a crash keeps what was synced, and of the rest a beginning, holed or not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat({ max: 50 }), fc.nat({ max: 50 }), async (seed, synced, unsynced) => {
      const world = createWorld(seed, 'short')
      const running = pump(world)
      const process = new SimProcess('feed', world, () => new Promise(() => {}))
      process.start()
      const disk = createSimDisk(createPrng(seed))
      const file = await disk.open(process.life() as Life).open('log')
      await file.write(0, [new Uint8Array(synced).fill(1)])
      await file.sync()
      await file.write(synced, [new Uint8Array(unsynced).fill(2)])
      await disk.open(process.life() as Life).syncNames()
      disk.crash()
      const bytes = (await disk.open(process.life() as Life).readAll('log')) ?? new Uint8Array()
      running.stop()
      assert.ok(bytes.length >= synced && bytes.length <= synced + unsynced)
      assert.ok(bytes.subarray(0, synced).every((byte) => byte === 1))
      assert.ok(bytes.subarray(synced).every((byte) => byte === 2 || byte === 0))
    }),
    { numRuns: 60 },
  )
})

test('a full disk writes in part and says so; a failing sync makes nothing durable', async () => {
  const world = createWorld(3, 'short')
  const running = pump(world)
  const process = new SimProcess('feed', world, () => new Promise(() => {}))
  process.start()
  const disk = createSimDisk(createPrng(3))
  const file = await disk.open(process.life() as Life).open('log')
  disk.faults.full = true
  await assert.rejects(file.write(0, [new Uint8Array(100)]), { code: 'disk/full' })
  disk.faults.full = false
  disk.faults.failSync = 1
  await assert.rejects(file.sync(), { code: 'disk/failed' })
  running.stop()
})
