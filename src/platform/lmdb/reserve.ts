/**
 * Keeps room on the disk ahead of a store that is written through its memory map, where a full disk is no error but SIGBUS, which ends
 * the process. Zeros are put behind the last page through the file instead, where a full disk is an ordinary ENOSPC.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { Fault } from '#kernel/fault.ts'
import { PAGE_BYTES } from './data-file.ts'
import { storeLimits } from './limits.ts'

const RESERVE_BYTES = storeLimits.diskReserveBytes.value
/**
 * A page, as LMDB writes. Where the kernel is given more at once it keeps large folios in its cache, and the first write to each page of one
 * through the map then looks at every block of all of it: 15 ms of system time a mainnet block instead of 2 (Linux 6.18, ext4).
 */
const STEP_BYTES = PAGE_BYTES

export interface Reserve {
  /** To be called before each transaction, with the bytes that the store uses.
   *  @throws Fault store/disk-low */
  ensure(usedBytes: number): void
  close(): void
}

export function openReserve(path: string): Reserve {
  const file = openSync(path, 'r+')
  const zeros = new Uint8Array(STEP_BYTES)
  let reservedBytes = 0
  return {
    ensure(usedBytes) {
      // Never below what is used: a transaction may have grown past the reserve, and zeros there would be damage.
      if (reservedBytes < usedBytes) reservedBytes = usedBytes
      try {
        while (reservedBytes < usedBytes + RESERVE_BYTES)
          reservedBytes += writeSync(file, zeros, 0, zeros.length, reservedBytes)
      } catch (cause) {
        throw diskLow(path, cause)
      }
    },
    close: () => closeSync(file),
  }
}

/** Where the cause is a full disk or quota, a fault that says so; else the cause. */
export function diskLow(path: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && (code as unknown) !== 28) return cause
  return new Fault(
    'store/disk-low',
    `no room for ${RESERVE_BYTES >> 20} MiB more beside ${path}: free space; blocks are applied again when there is some`,
    { path },
    { cause },
  )
}
