/** The feed host's log across two deaths of different kinds: SIGKILL, which leaves what was written, and a power loss, which does not. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { concatBytes } from '#kernel/bytes.ts'
import { createPrng } from '#kernel/prng.ts'
import { silent } from '#ports/logger.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openSegmentedLog } from '#roles/feedhost/segmented-log.ts'
import { pump } from '#sim/testing/pump.ts'
import type { Life } from '#sim/world/life.ts'
import { SimProcess } from '#sim/world/process.ts'
import { createWorld } from '#sim/world/world.ts'
import { checksum } from './checksum.ts'
import { createSimDisk } from './disk.ts'

test('what a killed host had written is on the disk before anybody can read it', async () => {
  const random = createPrng(1)
  const world = createWorld(1, 'short')
  const running = pump(world)
  const process = new SimProcess('feed', world, () => new Promise(() => {}))
  process.start()
  const simulated = createSimDisk(random)
  const disk = simulated.open(process.life() as Life)
  const clock = createVirtualClock()
  const open = () =>
    openSegmentedLog({ segmentBytesMax: 1_000_000 }, { disk, random, checksum, clock, log: silent })

  const first = await open()
  await first.append([Uint8Array.of(1)])
  const [name = ''] = await disk.list()
  const synced = (await disk.readAll(name)) as Uint8Array
  await first.append([Uint8Array.of(2)])
  const whole = (await disk.readAll(name)) as Uint8Array
  // As a kill leaves it: the second append is written, and was not synced.
  await disk.replace(name, synced)
  const file = await disk.open(name)
  await file.write(synced.length, [whole.subarray(synced.length)])

  const second = await open()
  const read = await second.read(0, { maxBytes: 100 })
  simulated.crash()
  const third = await open()
  running.stop()
  assert.deepEqual(concatBytes(...read.map(({ bytes }) => bytes)), Uint8Array.of(1, 2))
  assert.deepEqual(await third.read(0, { maxBytes: 100 }), read)
})
