/** Compress without compressing: frames are stored. */
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'

export const stored: Compress = {
  codec: 'stored',
  compress: (raw) => raw,
  expand(codec, bytes, rawLength) {
    if (codec !== 'stored' || bytes.length !== rawLength)
      throw new Fault('compress/damaged', `${bytes.length} stored bytes are not ${rawLength}`, { codec })
    return bytes
  },
}
