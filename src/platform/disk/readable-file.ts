/** A file that is only read. */
import { open } from 'node:fs/promises'
import { Fault, messageOf } from '#kernel/fault.ts'

export interface ReadableFile {
  size(): Promise<number>
  /** Up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** @throws Fault disk/not-readable */
export async function openReadable(path: string): Promise<ReadableFile> {
  try {
    const handle = await open(path, 'r')
    return {
      size: async () => (await handle.stat()).size,
      async read(offset, length) {
        const bytes = new Uint8Array(length)
        let at = 0
        while (at < length) {
          const { bytesRead } = await handle.read(bytes, at, length - at, offset + at)
          if (bytesRead === 0) break
          at += bytesRead
        }
        return bytes.subarray(0, at)
      },
      close: () => handle.close(),
    }
  } catch (cause) {
    throw new Fault('disk/not-readable', `${path} cannot be read: ${messageOf(cause)}`, { path }, { cause })
  }
}
