/** A file that is only read. */
import { open } from 'node:fs/promises'
import { Fault, messageOf } from '#kernel/fault.ts'
import { readFully } from './read-fully.ts'

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
      read: (offset, length) => readFully(handle, offset, length),
      close: () => handle.close(),
    }
  } catch (cause) {
    throw new Fault('disk/not-readable', `${path} cannot be read: ${messageOf(cause)}`, { path }, { cause })
  }
}
