/** What the applier stores with every block beside the chain: the feed position that decided the head, and the feed machine's state. */
const DECIDED_BYTES = 8

/** @param decidedAt position of the record that decided the store's head, safe and finalized */
export function encodeFeedState(decidedAt: number, machine: Uint8Array): Uint8Array {
  const out = new Uint8Array(DECIDED_BYTES + machine.length)
  new DataView(out.buffer).setBigUint64(0, BigInt(decidedAt))
  out.set(machine, DECIDED_BYTES)
  return out
}

export function decodeFeedState(bytes: Uint8Array): {
  readonly decidedAt: number
  readonly machine: Uint8Array
} {
  const decidedAt = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0))
  return { decidedAt, machine: bytes.subarray(DECIDED_BYTES) }
}
