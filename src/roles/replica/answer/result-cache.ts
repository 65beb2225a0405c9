/**
 * What is asked for again and again: encoded blocks and receipts, and blocks that single transactions and receipts are read from, by the
 * hash of their block, so that a reorganisation makes none of them wrong. Bounded by bytes; what was not asked for the longest goes first.
 */
import type { Meter } from '#ports/meter/meter.ts'
import { EncodedResult } from '#rpc/answer.ts'

/** Bytes, or something that knows how many it holds. */
export type Keepable = Uint8Array | { readonly heldBytes: number }

export interface ResultCache {
  /** What is kept under `key`, or what `make` makes; undefined is not kept. */
  get<T extends Keepable>(key: string, make: () => T | undefined): T | undefined
  /** The same for an answer, whose bytes may be lent where they are not kept. */
  encoded(key: string, make: () => EncodedResult | undefined): EncodedResult | undefined
}

/** Of an entry beside its bytes. */
const ENTRY_BYTES = 200
/** An entry above this part of the whole is not kept: it would drive out too much. */
const SHARE_MAX = 4

export function createResultCache(bytesMax: number, meter: Meter): ResultCache {
  const lookups = meter.counter(
    'drover_replica_cache_lookups_total',
    'encoded blocks and receipts that were asked for, by whether they were there',
  )
  const held = meter.gauge('drover_replica_cache_bytes', 'encoded blocks and receipts that are kept')
  const entries = new Map<string, Keepable>()
  let bytes = 0

  const fits = (made: Keepable): boolean => sizeOf(made) <= bytesMax / SHARE_MAX
  const keep = (key: string, made: Keepable): void => {
    const size = sizeOf(made)
    entries.set(key, made)
    bytes += size
    for (const [oldest, entry] of entries) {
      if (bytes <= bytesMax) break
      entries.delete(oldest)
      bytes -= sizeOf(entry)
    }
    held.set(bytes)
  }
  const find = (key: string): Keepable | undefined => {
    const found = entries.get(key)
    lookups.add(1, found === undefined ? MADE : FOUND)
    if (found === undefined) return undefined
    entries.delete(key) // to the end of the line
    entries.set(key, found)
    return found
  }
  return {
    get<T extends Keepable>(key: string, make: () => T | undefined): T | undefined {
      const found = find(key)
      if (found !== undefined) return found as T
      const made = make()
      if (made !== undefined && fits(made)) keep(key, made)
      return made
    },
    encoded(key, make) {
      const found = find(key)
      if (found !== undefined) return new EncodedResult(found as Uint8Array)
      const made = make()
      if (made === undefined || !fits(made.bytes)) return made
      const owned = made.own()
      keep(key, owned.bytes)
      return owned
    },
  }
}
const FOUND = { outcome: 'found' }
const MADE = { outcome: 'made' }

function sizeOf(entry: Keepable): number {
  return ENTRY_BYTES + ('heldBytes' in entry ? entry.heldBytes : entry.byteLength)
}
