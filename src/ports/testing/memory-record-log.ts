/** A RecordLog in memory: for tests, and for roles that share one process. Shared by all who hold it. */
import { Fault } from '#kernel/fault.ts'
import type { LogBounds, LogRecord, TrimmableLog } from '#ports/record-log/record-log.ts'

export function createMemoryRecordLog(identity = 'memory'): TrimmableLog {
  const records: Uint8Array[] = []
  let first = 0
  const wakers = new Set<() => void>()
  const next = (): number => first + records.length

  const bounds = (): LogBounds => ({ first, next: next() })

  const slice = (from: number, maxBytes: number): LogRecord[] => {
    if (from < first)
      throw new Fault('feed/too-old', `position ${from} is below the first kept one, ${first}`, {
        from,
        first,
      })
    const out: LogRecord[] = []
    let bytes = 0
    for (let position = from; position < next() && (out.length === 0 || bytes < maxBytes); position++) {
      const record = records[position - first] as Uint8Array
      bytes += record.length
      out.push({ position, bytes: record })
    }
    return out
  }
  const changed = (signal: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    wakers.add(resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    return promise.finally(() => wakers.delete(resolve))
  }

  return {
    async append(appended) {
      const positions = appended.map((_, i) => next() + i)
      records.push(...appended.map((record) => Uint8Array.from(record)))
      for (const wake of wakers) wake()
      return positions
    },
    read: async (from, { maxBytes }) => slice(from, maxBytes),
    async *tail(from, signal) {
      for (let at = from; !signal.aborted; ) {
        const batch = slice(at, 1_000_000)
        if (batch.length === 0) {
          await changed(signal)
          continue
        }
        at += batch.length
        yield batch
      }
    },
    bounds: async () => bounds(),
    identity: async () => identity,
    close: async () => {},
    async trim(before) {
      if (before > next()) throw new Fault('feed/trim', `the feed ends at ${next()}`)
      records.splice(0, Math.max(0, before - first))
      first = Math.max(first, before)
      return bounds()
    },
    async segments() {
      return [
        { ...bounds(), bytes: records.reduce((sum, { length }) => sum + length, 0), begunMs: undefined },
      ]
    },
  }
}
