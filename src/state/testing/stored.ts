/** Compression that does nothing: for tests and the simulation. */
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'

export const stored: Compress = {
  codec: 'stored',
  compress: (raw) => raw,
  expand(codec, bytes, rawLength) {
    if (codec === 'stored' && bytes.length === rawLength) return bytes
    throw new Fault('compress/damaged', `bytes of codec ${codec} do not expand to ${rawLength} bytes`)
  },
}
