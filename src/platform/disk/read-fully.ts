/** Reading from an open file as both kinds of file here need it. */
import type { FileHandle } from 'node:fs/promises'

/** Up to `length` bytes at `offset`; fewer only at the end of the file. */
export async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, length - at, offset + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}
