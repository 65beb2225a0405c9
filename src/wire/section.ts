/** A section of a frame: its own compression and its own digest, so that a reader expands only what it needs. */
import { keccak256 } from '#core/keccak.ts'
import { equalBytes } from '#kernel/bytes.ts'
import { malformed } from './convert.ts'
import type { Section } from './gen/drover/feed/v1/feed_pb.js'

/** What wire needs of the Compress port, which it may not import. */
export interface Compressor {
  readonly codec: 'zstd' | 'stored'
  compress(raw: Uint8Array): Uint8Array
  /** @throws where the bytes do not expand to exactly `rawLength` */
  expand(codec: 'zstd' | 'stored', bytes: Uint8Array, rawLength: number): Uint8Array
}

/** Of a section, expanded: far above the worst legal block, far below what would hurt. */
export const SECTION_BYTES_MAX = 64 * 1024 * 1024

export function packSection(raw: Uint8Array, compressor: Compressor): Omit<Section, '$typeName'> {
  return {
    codec: compressor.codec,
    rawLength: raw.length,
    digest: keccak256(raw),
    data: compressor.compress(raw),
  }
}

/** Whether a section's own digest must be looked at: not where a digest of the whole frame, which covers all its bytes, has been. */
export type Digests = 'check' | 'covered'

/** @throws Fault wire/malformed, and what the compressor throws */
export function openSection(
  section: Section | undefined,
  what: string,
  compressor: Compressor,
  digests: Digests,
): Uint8Array {
  if (section === undefined) throw malformed(`the frame has no ${what}`)
  const { codec, rawLength } = section
  if (codec !== 'zstd' && codec !== 'stored')
    throw malformed(`the ${what} are compressed with "${codec}", which is not known`)
  if (rawLength > SECTION_BYTES_MAX)
    throw malformed(`the ${what} claim ${rawLength} bytes, over ${SECTION_BYTES_MAX}`)
  const raw = compressor.expand(codec, section.data, rawLength)
  if (digests === 'check' && !equalBytes(keccak256(raw), section.digest))
    throw malformed(`the ${what} do not have the digest that the frame names`)
  return raw
}
