/** What the applier stores with every block beside the chain: where the feed was, and the feed machine's state there. */
import { assert } from '#kernel/assert.ts'

export interface FeedState {
  /** Position of the record that decided the store's head, safe and finalized. */
  readonly decidedAt: number
  /** keccak-256 of the last record that was taken: tells a feed that was replaced behind the same address. */
  readonly lastDigest: Uint8Array
  readonly machine: Uint8Array
}

const DECIDED_BYTES = 8
const DIGEST_BYTES = 32
const HEAD_BYTES = DECIDED_BYTES + DIGEST_BYTES

export function encodeFeedState({ decidedAt, lastDigest, machine }: FeedState): Uint8Array {
  assert(lastDigest.length === DIGEST_BYTES, 'a digest has 32 bytes')
  const out = new Uint8Array(HEAD_BYTES + machine.length)
  new DataView(out.buffer).setBigUint64(0, BigInt(decidedAt))
  out.set(lastDigest, DECIDED_BYTES)
  out.set(machine, HEAD_BYTES)
  return out
}

export function decodeFeedState(bytes: Uint8Array): FeedState {
  return {
    decidedAt: Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)),
    lastDigest: bytes.subarray(DECIDED_BYTES, HEAD_BYTES),
    machine: bytes.subarray(HEAD_BYTES),
  }
}
