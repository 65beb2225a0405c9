import assert from 'node:assert/strict'
import test from 'node:test'
import type { MemoryUse } from '#ports/memory.ts'
import { catchUpRoom } from './room.ts'

const MB = 1_000_000
const roomWith = (...uses: readonly Omit<MemoryUse, 'source'>[]): number[] => {
  const read = () => uses.map((use) => ({ ...use, source: 'cgroup v2' as const }))
  const { batchBytesMax, aheadBytesMax } = catchUpRoom({ read })
  return [batchBytesMax, aheadBytesMax].map((bytes) => bytes / MB)
}

test('a catch-up holds three tenths of what is free, two of them for its batch, and never more or less than its limits say', () => {
  // The reserve of a limit is 15 %.
  assert.deepEqual(roomWith({ limitBytes: 1_000 * MB, usedBytes: 350 * MB }), [100, 50])
  assert.deepEqual(roomWith({ limitBytes: 512 * MB, usedBytes: 511 * MB }), [32, 16])
  assert.deepEqual(roomWith({ limitBytes: 64_000 * MB, usedBytes: 0 }), [192, 256])
  const tight = { limitBytes: 1_000 * MB, usedBytes: 350 * MB }
  assert.deepEqual(roomWith({ limitBytes: 64_000 * MB, usedBytes: 0 }, tight), [100, 50])
  assert.deepEqual(catchUpRoom(undefined), { batchBytesMax: 192 * MB, aheadBytesMax: 256 * MB })
})
