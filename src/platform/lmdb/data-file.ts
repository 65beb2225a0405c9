/**
 * Looks at LMDB's file before LMDB does: where its first pages are not what they should be, lmdb's failed open ends the process with a
 * segfault, and an operator deserves a sentence.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '#kernel/fault.ts'

export const PAGE_BYTES = 4_096
const META_PAGES = 2
/** Where a meta page has its magic number and, after it, its version (mdb.c, MDB_meta behind a page header of 24 bytes). */
const MAGIC_AT = 24
const MAGIC = 0xbeef_c0de

export function dataFile(directory: string): string {
  return join(directory, 'data.mdb')
}

/** What stat calls a block. */
const BLOCK_BYTES = 512

/** Of the sparse file; 0 where there is none. */
export function bytesOnDisk(directory: string): number {
  return (statSync(dataFile(directory), { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES
}

/** @throws Fault store/damaged where the file is neither empty nor begins as a store does */
export function checkDataFile(directory: string): void {
  const path = dataFile(directory)
  const pages = new Uint8Array(META_PAGES * PAGE_BYTES)
  const length = readStart(path, pages)
  if (length === 0) return
  const view = new DataView(pages.buffer)
  for (let page = 0; page < META_PAGES; page++) {
    const found = view.getUint32(page * PAGE_BYTES + MAGIC_AT, true)
    if (length === pages.length && found === MAGIC) continue
    throw new Fault(
      'store/damaged',
      `${path} is not a store, or its start is damaged: remove the directory and start again, it is filled from the feed`,
      { path, page, found },
    )
  }
}

function readStart(path: string, into: Uint8Array): number {
  const file = openSync(path, 'r')
  try {
    return readSync(file, into, 0, into.length, 0)
  } finally {
    closeSync(file)
  }
}
