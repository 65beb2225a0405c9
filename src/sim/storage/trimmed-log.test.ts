/** The feed host's log when the power goes while its oldest segments are dropped: what is left is whole, and only what was to go is gone. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Fault } from '#kernel/fault.ts'
import { createPrng } from '#kernel/prng.ts'
import type { Disk } from '#ports/storage/disk.ts'
import { silent } from '#ports/logger.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openSegmentedLog, type SegmentedLog } from '#roles/feedhost/segmented-log.ts'
import { pump } from '#sim/testing/pump.ts'
import type { Life } from '#sim/world/life.ts'
import { SimProcess } from '#sim/world/process.ts'
import { createWorld } from '#sim/world/world.ts'
import { checksum } from './checksum.ts'
import { createSimDisk } from './disk.ts'

const RECORDS = 40
/** More than removing every segment and syncing after each takes. */
const STEPS_MAX = 24

test('a power loss between any two steps of a trim leaves a log without a gap that begins no later than was asked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.integer({ min: 1, max: RECORDS }),
      fc.nat({ max: STEPS_MAX }),
      async (seed, before, steps) => {
        const world = createWorld(seed, 'short')
        const running = pump(world)
        const process = new SimProcess('feed', world, () => new Promise(() => {}))
        process.start()
        const simulated = createSimDisk(createPrng(seed))
        const disk = simulated.open(process.life() as Life)
        const { dying, dieAfter } = mortal(disk)
        const open = (on: Disk): Promise<SegmentedLog> =>
          openSegmentedLog(
            { segmentBytesMax: 400 },
            { disk: on, random: createPrng(seed), checksum, clock: createVirtualClock(), log: silent },
          )
        const log = await open(dying)
        for (let i = 0; i < RECORDS; i++) await log.append([Uint8Array.of(...Array(50).fill(i))])
        assert.ok(log.segments().length > 5)

        dieAfter(steps)
        const { first: wasFirst } = await log.trim(before).catch(() => log.bounds())
        simulated.crash()
        const found = await open(disk)
        const { first, next } = found.bounds()
        assert.equal(next, RECORDS)
        assert.ok(
          first <= before && first <= wasFirst,
          `begins at ${first}, ${before} was asked, ${wasFirst} said`,
        )
        for (let at = first; at < next; ) {
          const records = await found.read(at, { maxBytes: 1_000 })
          for (const { position, bytes } of records) assert.deepEqual([position, bytes[0]], [at++, position])
        }
        running.stop()
      },
    ),
    { numRuns: 150 },
  )
})

/** A disk whose removals and syncs of names fail after so many. */
function mortal(disk: Disk): { dying: Disk; dieAfter(steps: number): void } {
  let left = Number.POSITIVE_INFINITY
  const step = <T>(act: () => Promise<T>): Promise<T> =>
    left-- > 0 ? act() : Promise.reject(new Fault('disk/failed', 'the power is gone'))
  return {
    dying: {
      ...disk,
      remove: (name) => step(() => disk.remove(name)),
      syncNames: () => step(() => disk.syncNames()),
    },
    dieAfter(steps) {
      left = steps
    },
  }
}
