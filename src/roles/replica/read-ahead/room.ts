/** How much a store that catches up may hold at once, by the memory that there is. */
import { freeBytes } from '#ports/memory-guard.ts'
import type { Memory } from '#ports/memory.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

export interface CatchUpRoom {
  /** Changes of one batch. */
  readonly batchBytesMax: number
  /** What was read ahead and is not taken yet, of all readers. */
  readonly aheadBytesMax: number
}

const SHARE = replicaLimits.catchUpMemoryPercent.value / 100
const BATCH_BYTES_MIN = replicaLimits.catchUpBatchBytesMin.value
const AHEAD_BYTES_MIN = BATCH_BYTES_MIN / 2
const BATCH_BYTES_MAX = replicaLimits.catchUpBatchBytesMax.value
const AHEAD_BYTES_MAX = replicaLimits.catchUpAheadBytesMax.value

export function catchUpRoom(memory: Pick<Memory, 'read'> | undefined): CatchUpRoom {
  const room = memory === undefined ? Number.POSITIVE_INFINITY : SHARE * freeBytes(memory.read())
  return {
    batchBytesMax: Math.min(BATCH_BYTES_MAX, Math.max(BATCH_BYTES_MIN, (room * 2) / 3)),
    aheadBytesMax: Math.min(AHEAD_BYTES_MAX, Math.max(AHEAD_BYTES_MIN, room / 3)),
  }
}
