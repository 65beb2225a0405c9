/** deltaHash: keccak-256 over a delta's canonical bytes. Byte layout and vectors: docs/feed.md §3. */
import { keccak256 } from '#core/keccak.ts'
import { concatBytes, utf8 } from '#kernel/bytes.ts'
import type { Delta } from './delta.ts'

const DOMAIN = utf8('drover/delta/1')

/** 32 bytes. */
export function deltaHash(delta: Delta): Uint8Array {
  return keccak256(deltaBytes(delta))
}

/** What is hashed. Two deltas have the same bytes only if they are the same: every length follows from what is before it. */
export function deltaBytes({ accounts, slots, cleared, codes }: Delta): Uint8Array {
  return concatBytes(
    DOMAIN,
    u32s([accounts.count, slots.count, cleared.length / 20, codes.length]),
    accounts.addresses,
    accounts.exists,
    accounts.nonces,
    accounts.balances,
    accounts.codeHashes,
    slots.addresses,
    slots.keys,
    slots.values,
    cleared,
    ...codes.map(({ hash }) => hash),
    u32s(codes.map(({ code }) => code.length)),
    ...codes.map(({ code }) => code),
  )
}

/** Big-endian. */
function u32s(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 * values.length)
  const view = new DataView(out.buffer)
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value)
  return out
}
