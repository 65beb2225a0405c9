/** Is a whole frame what the feed says it is, and what its header commits to? */
import type { Frame } from '#chain/block/frame.ts'
import { blockDifference, receiptsDifference } from '#chain/block/verify-block.ts'
import { toHex } from '#kernel/bytes.ts'
import { messageOf } from '#kernel/fault.ts'
import type { WholeFrame } from '#protocol/feed/effects.ts'
import { decodeFrame, frameDigestOf } from './frame.ts'
import type { Compressor } from './section.ts'

/** digest: hashes, links and digests; strict: all roots of the header too. */
export type Verify = 'digest' | 'strict'

/** What the feed says of it. */
type NamedFrame = Omit<WholeFrame, 'producer'>

export type FrameVerdict =
  | { readonly kind: 'good'; readonly frame: Frame }
  | { readonly kind: 'bad'; readonly why: string }

export function checkFrame(
  bytes: Uint8Array,
  named: NamedFrame,
  verify: Verify,
  compress: Compressor,
): FrameVerdict {
  const digest = frameDigestOf(bytes)
  if (digest !== named.frameDigest)
    return bad(`its bytes have the digest ${digest}, not ${named.frameDigest}`)
  let frame: Frame
  try {
    frame = decodeFrame(bytes, compress, 'covered')
  } catch (thrown) {
    return bad(messageOf(thrown)) // whatever it is: these bytes are somebody else's
  }
  const why = notAsNamed(frame, named) ?? (verify === 'strict' ? notAsCommitted(frame) : undefined)
  return why === undefined ? { kind: 'good', frame } : bad(why)
}

function notAsNamed({ block: { header }, deltaHash }: Frame, named: NamedFrame): string | undefined {
  if (header.hash !== named.block.hash || header.number !== named.block.number)
    return `it holds block ${header.number} ${header.hash}`
  if (header.parentHash !== named.parent) return `its parent is ${header.parentHash}, not ${named.parent}`
  return toHex(deltaHash) === named.deltaHash ? undefined : 'its delta is not the one that was named'
}

function notAsCommitted({ block, receipts }: Frame): string | undefined {
  const difference = blockDifference(block) ?? receiptsDifference(block, receipts)
  return difference && `${difference.field} is ${difference.computed}, its header says ${difference.expected}`
}

function bad(why: string): FrameVerdict {
  return { kind: 'bad', why }
}
