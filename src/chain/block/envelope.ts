/** The typed envelope of transactions and receipts (EIP-2718): type ‖ payload, or a bare list for type 0. */
import { Fault } from '#kernel/fault.ts'

/** @throws Fault chain/malformed where the first byte is neither a type nor the beginning of a list */
export function splitEnvelope(bytes: Uint8Array, what: string): { type: number; payload: Uint8Array } {
  const first = bytes[0]
  if (first !== undefined && first >= 0xc0) return { type: 0, payload: bytes }
  if (first === undefined || first > 0x7f || first === 0)
    throw new Fault(
      'chain/malformed',
      `${what} begins with its type or as a list, not with ${first ?? 'nothing'}`,
    )
  return { type: first, payload: bytes.subarray(1) }
}
