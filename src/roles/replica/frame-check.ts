/** Is a whole frame what the feed says it is, and what its header commits to? */
import type { Frame } from '#chain/frame.ts'
import { blockDifference, executionDifference } from '#chain/verify-block.ts'
import { messageOf } from '#kernel/fault.ts'
import type { WholeFrame } from '#protocol/feed/effects.ts'
import { toHex } from '#kernel/bytes.ts'
import { decodeFrame, frameDigestOf } from '#wire/frame.ts'
import type { Compressor } from '#wire/section.ts'

export type FrameVerdict =
  | { readonly kind: 'good'; readonly frame: Frame }
  | { readonly kind: 'bad'; readonly why: string }

/** @param verify digest: hashes and digests; strict: all roots of the header too */
export function checkFrame(
  bytes: Uint8Array,
  named: WholeFrame,
  verify: 'digest' | 'strict',
  compress: Compressor,
): FrameVerdict {
  const digest = frameDigestOf(bytes)
  if (digest !== named.frameDigest)
    return bad(`its bytes have the digest ${digest}, not ${named.frameDigest}`)
  let frame: Frame
  try {
    frame = decodeFrame(bytes, compress)
  } catch (thrown) {
    return bad(messageOf(thrown))
  }
  const { header } = frame.block
  if (header.hash !== named.block.hash || header.number !== named.block.number)
    return bad(`it holds block ${header.number} ${header.hash}`)
  if (header.parentHash !== named.parent)
    return bad(`its parent is ${header.parentHash}, not ${named.parent}`)
  if (toHex(frame.deltaHash) !== named.deltaHash) return bad('its delta is not the one that was named')
  if (verify === 'digest') return { kind: 'good', frame }
  const difference =
    blockDifference(frame.block) ?? executionDifference(frame.block, frame.receipts, undefined)
  if (difference === undefined) return { kind: 'good', frame }
  return bad(`${difference.field} is ${difference.computed}, its header says ${difference.expected}`)
}

function bad(why: string): FrameVerdict {
  return { kind: 'bad', why }
}
