/**
 * Tells whether a store that is not durable can be trusted. Its commits survive the end of its process, whatever ends it, because the kernel
 * has the pages; but not the end of the kernel. So a mark beside the store names the boot in which it is being written, and is taken back when
 * everything is on the disk. A mark of another boot says that the machine went down in between.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { dataFile } from './data-file.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'

function markFile(directory: string): string {
  return join(directory, 'writing-since-boot')
}

/** To be called before a store is opened for writing. @throws Fault store/unclean where the machine went down while it was written */
export function checkMark(directory: string): void {
  const before = readOrNone(markFile(directory))
  // An empty one: the machine went down while it was made, before anything was written.
  if (before === undefined || before === '' || before === bootId() || !existsSync(dataFile(directory))) return
  throw new Fault(
    'store/unclean',
    `the machine went down while the store in ${directory} was written, and it is not durable: remove the directory and start again, it is filled from the feed`,
    { directory, boot: before },
  )
}

/** To be called before anything is written that is not on the disk when its commit returns. */
export function markWriting(directory: string): void {
  const boot = bootId()
  if (boot === undefined || readOrNone(markFile(directory)) === boot) return
  const file = openSync(markFile(directory), 'w')
  writeSync(file, utf8(boot))
  fsyncSync(file)
  closeSync(file)
  syncDirectory(directory)
}

/** Everything is on the disk. */
export function markClean(directory: string): void {
  rmSync(markFile(directory), { force: true })
  syncDirectory(directory)
}

/** Removes a store that is not trusted, all but who holds it. */
export function discardStore(directory: string): void {
  rmSync(dataFile(directory), { force: true })
  rmSync(join(directory, 'lock.mdb'), { force: true })
  markClean(directory)
}

/** Undefined where the system does not tell: there no power loss is noticed. */
function bootId(): string | undefined {
  return readOrNone(BOOT_ID)?.trim()
}

function readOrNone(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw thrown
  }
}

function syncDirectory(directory: string): void {
  const folder = openSync(directory, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
