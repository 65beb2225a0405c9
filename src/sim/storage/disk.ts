/**
 * The Disk port with the failures of real ones: a crash keeps what was synced and any prefix of what was not, the last write torn or its
 * bytes not yet written (zeros); names that were not synced may be gone, or back; writes and syncs may be slow, fail, or find the disk full.
 */
import { concatBytes } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Prng } from '#kernel/prng.ts'
import type { Disk, DiskFile } from '#ports/storage/disk.ts'
import type { Life } from '#sim/world/life.ts'

export interface DiskFaults {
  /** Of each operation, in the world's time. */
  opMs: { min: number; max: number }
  full: boolean
  /** Chance that a sync fails, and with it what it should have made durable may be lost. */
  failSync: number
  failWrite: number
}

export interface SimDisk {
  open(life: Life): Disk
  readonly faults: DiskFaults
  /** Calls once, when the next write begins: for a crash that finds something unsynced. */
  onceWriting(seen: () => void): void
  /** Power or kernel gone: what was not synced is lost in part. Returns what happened, for the trace. */
  crash(): string
}

interface File {
  bytes: Uint8Array
  durable: Uint8Array
  named: boolean
}

export function createSimDisk(random: Prng): SimDisk {
  const files = new Map<string, File>()
  /** Taken away, and not yet for sure. */
  const removed = new Map<string, File>()
  const faults: DiskFaults = { opMs: { min: 0.01, max: 0.2 }, full: false, failSync: 0, failWrite: 0 }
  let waiting: (() => void)[] = []
  const writing = (): void => {
    const seen = waiting
    waiting = []
    for (const each of seen) each()
  }
  return {
    faults,
    open: (life) => openDisk(life, { files, removed }, { faults, writing }, random),
    onceWriting: (seen) => void waiting.push(seen),
    crash() {
      let lost = 0
      for (const [name, file] of removed) if (!files.has(name) && random.chance(0.5)) files.set(name, file)
      removed.clear()
      for (const [name, file] of files) {
        if (!file.named && random.chance(0.5)) files.delete(name)
        const after = torn(file, random)
        lost += Math.max(0, file.bytes.length - after.length)
        file.bytes = after
        file.durable = after
        file.named = true
      }
      return `loses ${lost} bytes that were not synced`
    },
  }
}

/** What a crash leaves of a file: the durable bytes, and some of those behind them. */
function torn({ bytes, durable }: File, random: Prng): Uint8Array {
  let same = 0
  while (same < Math.min(bytes.length, durable.length) && bytes[same] === durable[same]) same++
  if (same === bytes.length && same === durable.length) return durable
  if (random.chance(0.3)) return durable
  const upTo = random.between(same, bytes.length)
  const kept = bytes.slice(0, upTo)
  if (!random.chance(0.3)) return kept
  // Blocks reach the disk in any order: a hole of zeros within what was not synced.
  const from = random.between(same, upTo)
  const to = random.between(from, upTo)
  kept.fill(0, from, to)
  return kept
}

interface DiskParts {
  readonly faults: DiskFaults
  /** A write begins. */
  readonly writing: () => void
}

function openDisk(
  life: Life,
  { files, removed }: Record<'files' | 'removed', Map<string, File>>,
  parts: DiskParts,
  random: Prng,
): Disk {
  const { faults } = parts
  const at = (name: string): File => {
    const known = files.get(name)
    if (known !== undefined) return known
    const file: File = { bytes: new Uint8Array(), durable: new Uint8Array(), named: false }
    files.set(name, file)
    return file
  }
  /** Every operation takes time; of a life that has ended it never comes back. */
  const op = async <T>(work: () => T): Promise<T> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    life.after(faults.opMs.min + random.unit() * (faults.opMs.max - faults.opMs.min), resolve)
    await promise
    return work()
  }
  /** What is read lies in memory, unless the disk is slow as a whole. */
  const quick = <T>(work: () => T): Promise<T> => (faults.opMs.min >= 1 ? op(work) : Promise.resolve(work()))
  return {
    list: () => quick(() => [...files.keys()].toSorted()),
    open: (name) => quick(() => openFile(at(name), { op, quick }, parts, random)),
    remove: (name) =>
      op(() => {
        const file = files.get(name)
        if (file?.named === true) removed.set(name, file)
        files.delete(name)
      }),
    replace: (name, bytes) =>
      op(() => void files.set(name, { bytes: bytes.slice(), durable: bytes.slice(), named: true })),
    readAll: (name) => quick(() => files.get(name)?.bytes.slice()),
    syncNames: () =>
      op(() => {
        for (const file of files.values()) file.named = true
        removed.clear()
      }),
  }
}

function openFile(
  file: File,
  { op, quick }: Record<'op' | 'quick', <T>(work: () => T) => Promise<T>>,
  { faults, writing }: DiskParts,
  random: Prng,
): DiskFile {
  return {
    size: () => quick(() => file.bytes.length),
    read: (offset, length) => quick(() => file.bytes.slice(offset, offset + length)),
    async write(offset, parts) {
      const all = concatBytes(...parts)
      // On its way to the disk when the write begins: a crash meanwhile finds some of it there.
      const failure = writeFailure(faults, random)
      const wrote = failure === undefined ? all : all.subarray(0, random.between(0, all.length))
      file.bytes = written(file.bytes, offset, wrote)
      writing()
      await op(() => {})
      if (failure !== undefined) throw failure
    },
    sync: () =>
      op(() => {
        if (random.chance(faults.failSync))
          throw new Fault('disk/failed', 'the disk failed to sync', { operation: 'sync' })
        file.durable = file.bytes
      }),
    truncate: (size) =>
      op(() => {
        file.bytes = file.bytes.slice(0, size)
      }),
    close: () => quick(() => {}),
  }
}

/** What lies behind a write stays there, as pwrite leaves it. Room is kept behind a file's end, of which nobody else has a view. */
function written(bytes: Uint8Array, offset: number, wrote: Uint8Array): Uint8Array {
  if (offset !== bytes.length)
    return concatBytes(bytes.subarray(0, offset), wrote, bytes.subarray(offset + wrote.length))
  const length = offset + wrote.length
  const hasRoom = bytes.byteOffset === 0 && bytes.buffer.byteLength >= length
  const wider = hasRoom
    ? new Uint8Array(bytes.buffer, 0, length)
    : new Uint8Array(2 * length).subarray(0, length)
  if (!hasRoom) wider.set(bytes)
  wider.set(wrote, offset)
  return wider
}

function writeFailure(faults: DiskFaults, random: Prng): Fault | undefined {
  if (faults.full) return new Fault('disk/full', 'the disk is full')
  if (random.chance(faults.failWrite)) return new Fault('disk/failed', 'the disk failed to write')
  return undefined
}
