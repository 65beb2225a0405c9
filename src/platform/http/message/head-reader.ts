/**
 * Request heads by their bytes: one client sends the same head again and again, and many clients are one library. What was read once is
 * recognised by comparing bytes, a third of the price of reading it. A head that is not accepted is never remembered.
 */
import type { HttpLimits } from '#platform/http/limits.ts'
import { readRequestHead, type RequestHead } from './request-head.ts'

const SLOTS = 256
/** A browser's head with cookies is longer, and read each time. 256 slots of this size are what a listener holds. */
const REMEMBERED_BYTES_MAX = 1_024

/** As readRequestHead. */
export type HeadReader = (bytes: Buffer, from: number, end: number) => RequestHead | number

export function createHeadReader(limits: Pick<HttpLimits, 'headersMax'>): HeadReader {
  const slots: ({ readonly bytes: Buffer; readonly head: RequestHead } | undefined)[] = new Array(SLOTS)
  return (bytes, from, end) => {
    const length = end - from
    if (length > REMEMBERED_BYTES_MAX) return readRequestHead(bytes, from, end, limits)
    const slot = slotOf(bytes, from, end)
    const known = slots[slot]
    if (known !== undefined && known.bytes.length === length && known.bytes.compare(bytes, from, end) === 0)
      return known.head
    const head = readRequestHead(bytes, from, end, limits)
    if (typeof head !== 'number') slots[slot] = { bytes: Buffer.from(bytes.subarray(from, end)), head }
    return head
  }
}

/** Its length and three of its bytes: enough to keep libraries apart, and a collision only costs a reading. */
function slotOf(bytes: Buffer, from: number, end: number): number {
  const middle = bytes[from + ((end - from) >> 1)] ?? 0
  const mix = (end - from) * 31 + (bytes[end - 1] ?? 0) * 7 + (bytes[end - 3] ?? 0) * 3 + middle
  return mix & (SLOTS - 1)
}
