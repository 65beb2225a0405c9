/** Files of one directory on a real disk. */
import { mkdirSync } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Disk, DiskFile } from '#ports/storage/disk.ts'
import { readFully } from './read-fully.ts'

/** Makes the directory where it is missing. @throws Fault disk/not-writable */
export function createDisk(dir: string): Disk {
  try {
    mkdirSync(dir, { recursive: true })
  } catch (thrown) {
    throw explain(thrown, dir)
  }
  const syncDirectory = (): Promise<void> =>
    guard(dir, async () => {
      const handle = await open(dir, 'r')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  return {
    list: () => guard(dir, async () => (await readdir(dir)).sort()),
    open: (name) =>
      guard(join(dir, name), async () => createFile(await openOrCreate(join(dir, name)), join(dir, name))),
    remove: (name) => guard(join(dir, name), () => unlink(join(dir, name))),
    async replace(name, bytes) {
      const path = join(dir, name)
      await guard(path, async () => {
        const handle = await open(`${path}.new`, 'w')
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(`${path}.new`, path)
      })
      await syncDirectory()
    },
    async readAll(name) {
      try {
        return new Uint8Array(await readFile(join(dir, name)))
      } catch (thrown) {
        if (codeOf(thrown) === 'ENOENT') return undefined
        throw explain(thrown, join(dir, name))
      }
    },
    syncNames: syncDirectory,
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown
    return open(path, 'w+')
  }
}

function createFile(handle: FileHandle, path: string): DiskFile {
  return {
    size: () => guard(path, async () => (await handle.stat()).size),
    read: (offset, length) => guard(path, () => readFully(handle, offset, length)),
    write: (offset, parts) =>
      guard(path, async () => {
        // A short write is continued, so that a full disk is seen as the error that it is.
        let rest = parts.map((part) => part).filter(({ length }) => length > 0)
        for (let at = offset; rest.length > 0; ) {
          const { bytesWritten } = await handle.writev(rest, at)
          at += bytesWritten
          rest = after(rest, bytesWritten)
        }
      }),
    sync: () => guard(path, () => handle.datasync()),
    truncate: (size) => guard(path, () => handle.truncate(size)),
    close: () => guard(path, () => handle.close()),
  }
}

function after(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written
  return parts.flatMap((part) => {
    const taken = Math.min(skip, part.length)
    skip -= taken
    return taken === part.length ? [] : [part.subarray(taken)]
  })
}

async function guard<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (thrown) {
    throw explain(thrown, path)
  }
}

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException).code
}

function explain(thrown: unknown, path: string): Fault {
  const code = codeOf(thrown)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Fault(
      'disk/full',
      `no space is left for ${path}: make room, and it goes on`,
      { path },
      { cause: thrown },
    )
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
    return new Fault(
      'disk/not-writable',
      `${path} cannot be written: ${messageOf(thrown)}`,
      { path },
      { cause: thrown },
    )
  }
  return new Fault(
    'disk/failed',
    `the disk failed at ${path}: ${messageOf(thrown)}`,
    { path },
    { cause: thrown },
  )
}
