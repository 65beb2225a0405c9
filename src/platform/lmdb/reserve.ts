/**
 * Keeps room on the disk ahead of a store that is written through its memory map, where a full disk is no error but SIGBUS, which ends
 * the process. Before a transaction zeros are put behind the last page through the file instead, where a full disk is an ordinary ENOSPC. A
 * transaction that may outgrow them looks, while it grows, whether the disk has room for as much again, and gives up where it has not.
 */
import { closeSync, openSync, statfsSync, writeSync } from 'node:fs'
import { Fault } from '#kernel/fault.ts'
import { PAGE_BYTES } from './data-file.ts'
import { storeLimits } from './limits.ts'

const RESERVE_BYTES = storeLimits.diskReserveBytes.value
/**
 * A page, as LMDB writes. Where the kernel is given more at once it keeps large folios in its cache, and the first write to each page of one
 * through the map then looks at every block of all of it: 15 ms of system time a mainnet block instead of 2 (Linux 6.18, ext4).
 */
const STEP_BYTES = PAGE_BYTES
/** A row dirties the page that it is on, and a part of those above and of one beside, where a page is divided. */
const PAGES_A_ROW = 2
/** Between two looks. */
const ROWS_A_LOOK = 256
/** Rows that the zeros are enough for. */
const ROWS_RESERVED = RESERVE_BYTES / PAGE_BYTES / PAGES_A_ROW

export interface Reserve {
  /** To be called before each transaction, with the bytes that the store uses.
   *  @throws Fault store/disk-low */
  ensure(usedBytes: number): void
  /** To be called before each row is written. @throws Fault store/disk-low */
  row(): void
  close(): void
}

/** @param freeBytes of the disk, for who may not be root */
export function openReserve(path: string, freeBytes = () => freeBytesOf(path)): Reserve {
  const file = openSync(path, 'r+')
  const zeros = new Uint8Array(STEP_BYTES)
  let reservedBytes = 0
  let rows = 0
  let lookAt = 0
  return {
    ensure(usedBytes) {
      rows = 0
      lookAt = ROWS_RESERVED - ROWS_A_LOOK
      // Never below what is used: a transaction may have grown past the reserve, and zeros there would be damage.
      if (reservedBytes < usedBytes) reservedBytes = usedBytes
      try {
        while (reservedBytes < usedBytes + RESERVE_BYTES)
          reservedBytes += writeSync(file, zeros, 0, zeros.length, reservedBytes)
      } catch (cause) {
        throw diskLow(path, cause)
      }
    },
    row() {
      if (++rows < lookAt) return
      lookAt = rows + ROWS_A_LOOK
      // Others write to the disk too, until the next look.
      if (freeBytes() < RESERVE_BYTES + ROWS_A_LOOK * PAGES_A_ROW * PAGE_BYTES) throw noRoom(path)
    },
    close: () => closeSync(file),
  }
}

function freeBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Where the cause is a full disk or quota, a fault that says so; else the cause. */
export function diskLow(path: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && (code as unknown) !== 28) return cause
  return noRoom(path, cause)
}

function noRoom(path: string, cause?: unknown): Fault {
  return new Fault(
    'store/disk-low',
    `no room for ${RESERVE_BYTES >> 20} MiB more beside ${path}: free space; blocks are applied again when there is some`,
    { path },
    cause === undefined ? {} : { cause },
  )
}
