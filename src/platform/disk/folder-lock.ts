/**
 * One process at a time for a folder that only one may write, or for a port that the system would let several share. The lock file names its holder; one that is dead (its pid is gone, or belongs
 * to a process started later) is taken over.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '#kernel/fault.ts'

const ATTEMPTS_MAX = 5

interface Holder {
  readonly pid: number
  /** When the process started, in the kernel's ticks; empty where the system does not tell. */
  readonly started: string
}

export interface Held {
  readonly code: 'store/held' | 'feed/held' | 'dev/held'
  /** What the folder is: a store, a feed, a dev cluster. */
  readonly what: string
}

/** Somebody who is alive has the file. */
export class LockTaken extends Error {
  readonly pid: number | undefined

  constructor(path: string, pid: number | undefined) {
    super(`${path} is held by process ${pid ?? 'unknown'}`)
    this.pid = pid
  }
}

/** Returns the release. @throws Fault store/held, feed/held, dev/held */
export function lockFolder(directory: string, { code, what }: Held): () => void {
  try {
    return lockFile(join(directory, 'writer.lock'))
  } catch (cause) {
    if (!(cause instanceof LockTaken)) throw cause
    const pid = cause.pid ?? 'unknown'
    const message = `another process (pid ${pid}) writes the ${what} in ${directory}: stop it, or give this one another directory`
    throw new Fault(code, message, { directory, pid: cause.pid })
  }
}

/** The process that holds the lock, where it is alive. */
export function holderOf(path: string): number | undefined {
  const holder = readHolder(path)
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined
}

/** Returns the release. @throws LockTaken */
export function lockFile(path: string): () => void {
  const own = `${path}.${process.pid}.${process.hrtime.bigint()}`
  writeFileSync(
    own,
    JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? '' } satisfies Holder),
  )
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (tryLink(own, path)) return () => rmSync(path, { force: true })
      const holder = readHolder(path)
      if (holder !== undefined && isAlive(holder)) throw new LockTaken(path, holder.pid)
      takeAway(path, `${own}.dead`)
    }
    throw new LockTaken(path, readHolder(path)?.pid)
  } finally {
    rmSync(own, { force: true })
  }
}

/** A link is made whole or not at all, unlike a file that is created and then written. */
function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw cause
  }
}

/** Moves a dead holder's file away; one that a live process put there in the meantime is put back. */
function takeAway(path: string, aside: string): void {
  try {
    renameSync(path, aside)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    throw cause
  }
  const moved = readHolder(aside)
  if (moved !== undefined && isAlive(moved)) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function readHolder(path: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return typeof holder.pid === 'number' && typeof holder.started === 'string'
      ? { pid: holder.pid, started: holder.started }
      : undefined
  } catch (cause) {
    if (cause instanceof SyntaxError || (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
  return holder.started === '' || holder.started === (startOf(holder.pid) ?? holder.started)
}

/** Field 22 of /proc/pid/stat, counted after the name, which may hold spaces. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
