/**
 * KeyValue on LMDB: a memory-mapped file, one writer, readers in any thread or process on stable snapshots. kill -9 loses nothing;
 * what a power loss may cost depends on `durable`. In one process the writer is opened before any reader: threads share its map.
 */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { assert } from '#kernel/assert.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { type KeyValue, type ReadTx, TABLES, type Table, type WriteTx } from '#ports/storage/key-value.ts'
import { lockFolder } from '#platform/disk/folder-lock.ts'
import { checkMark, markClean, markWriting } from './clean-mark.ts'
import { bytesOnDisk, checkDataFile, dataFile, PAGE_BYTES } from './data-file.ts'
import { Buffers, Instructions, type NativeTable } from './native.ts'
import { diskLow, openReserve, type Reserve } from './reserve.ts'
import { Transaction, type Tables } from './transaction.ts'
import { storeLimits } from './limits.ts'

export interface LmdbOptions {
  readonly path: string
  readonly mode: 'writer' | 'reader'
  /** True: every commit is on disk when it returns. False: much faster; a power loss may damage the store, kill -9 does not. */
  readonly durable: boolean
  /**
   * A writer's: how much of the file the system can keep in memory, and its readers in this process have the same. Where the file is larger,
   * or new, a page that is not in memory is read alone: those around it, which the system else reads too, would drive out others that are
   * needed. Undefined: it is small enough.
   */
  readonly cacheBytes?: number
}

export interface LmdbKeyValue extends KeyValue {
  /** Frees the slots of readers that died, which would keep old pages for ever. To be called every minute; returns how many. */
  maintain(): number
}

/** Address space, not disk: the file is sparse, and a map of another size than the writer's would have to be renewed. */
const MAP_BYTES = 2 ** 40
const TABLES_MAX = 24
const READERS_MAX = storeLimits.readersMax.value
const TABLE_OPTIONS = {
  encoding: 'binary',
  keyEncoding: 'binary',
  cache: false,
  compression: false,
} as const
/** lmdb: commit before returning. A throw of the callback aborts. */
const SYNCHRONOUS_COMMIT = 2
const DAMAGED: ReadonlySet<unknown> = new Set([-30_797, -30_796, -30_795, -30_794, -30_793])

/** @throws Fault store/not-a-directory, store/not-writable, store/absent, store/held, store/disk-low, store/damaged, store/unclean */
export function openLmdb(options: LmdbOptions): LmdbKeyValue {
  const unlock = options.mode === 'writer' ? prepareWriter(options.path) : prepareReader(options.path)
  try {
    return openTables(options, unlock)
  } catch (cause) {
    unlock()
    throw describe(options.path, cause)
  }
}

function prepareWriter(path: string): () => void {
  try {
    mkdirSync(path, { recursive: true })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    if (existsSync(dataFile(path))) accessSync(dataFile(path), constants.R_OK | constants.W_OK)
    return lockFolder(path, { code: 'store/held', what: 'store' })
  } catch (cause) {
    throw describe(path, cause)
  }
}

function prepareReader(path: string): () => void {
  if (existsSync(path) && !statSync(path).isDirectory()) throw notADirectory(path)
  if (existsSync(dataFile(path))) return () => {}
  throw new Fault('store/absent', `there is no store in ${path}: its writer makes it`, { path })
}

function openTables(options: LmdbOptions, unlock: () => void): LmdbKeyValue {
  const { path, durable, cacheBytes } = options
  if (existsSync(dataFile(path))) checkDataFile(path)
  const isWriter = options.mode === 'writer'
  const bytes = bytesOnDisk(path)
  if (isWriter) checkMark(path)
  if (isWriter && !durable) markWriting(path)
  // Which lmdb knows and its types do not.
  const paging = { noReadAhead: cacheBytes !== undefined && (bytes === 0 || bytes > cacheBytes) }
  const root = open({
    path,
    ...TABLE_OPTIONS,
    noSubdir: false,
    readOnly: !isWriter,
    noSync: !durable,
    useWritemap: !durable,
    overlappingSync: false,
    ...paging,
    pageSize: PAGE_BYTES,
    mapSize: MAP_BYTES,
    maxDbs: TABLES_MAX,
    maxReaders: READERS_MAX,
  })
  const tables = Object.fromEntries(TABLES.map((name) => [name, openTable(root, name, path)])) as Tables
  root.readerCheck()
  const reserve = isWriter && !durable ? openReserve(dataFile(path)) : undefined
  return keyValue({ root, tables, path, isWriter, durable, reserve, unlock })
}

function openTable(root: RootDatabase, name: Table, path: string): NativeTable {
  const table = root.openDB({ name, ...TABLE_OPTIONS }) as NativeTable | undefined
  if (table !== undefined) return table
  throw new Fault('store/damaged', `the store in ${path} has no table ${name}: remove it and start again`, {
    path,
    table: name,
  })
}

interface Opened {
  readonly root: RootDatabase
  readonly tables: Tables
  readonly path: string
  readonly isWriter: boolean
  readonly durable: boolean
  readonly reserve: Reserve | undefined
  readonly unlock: () => void
}

function keyValue({ root, tables, path, isWriter, durable, reserve, unlock }: Opened): LmdbKeyValue {
  const buffers = new Buffers(tables.meta)
  const { env: environment } = root as unknown as {
    env: { readonly address: number; info(): { lastPageNumber: number } }
  }
  const instructions = new Instructions(environment.address, () => reserve?.row())
  return {
    read: () => bindReader(root, tables, buffers),
    write(change) {
      assert(isWriter, 'a reader does not write')
      reserve?.ensure((environment.info().lastPageNumber + 1) * PAGE_BYTES)
      try {
        return writeOnce(root, new Transaction(tables, buffers, 0, instructions), change)
      } catch (cause) {
        throw describe(path, cause)
      }
    },
    bytes(table) {
      root.resetReadTxn()
      const bound = root.useReadTransaction()
      const { treeBranchPageCount, treeLeafPageCount, overflowPages } = tables[table].db.stat()
      bound.done()
      return (treeBranchPageCount + treeLeafPageCount + overflowPages) * PAGE_BYTES
    },
    async close() {
      const isClean = isWriter && !durable && (await isSynced(root, path))
      // LMDB is not closed under its own sync: the end of the process will do, as a kill does.
      if (isClean || !isWriter || durable) await root.close()
      reserve?.close()
      if (isClean) markClean(path)
      unlock()
    },
    maintain: () => root.readerCheck(),
  }
}

/** Everything is on the disk; false where that takes too long: then the store is left as one whose process was killed. */
function isSynced(root: RootDatabase, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => resolve(false), storeLimits.closeTimeMaxMs.value)
    const settle = (cause?: unknown): void => {
      clearTimeout(late)
      if (cause) reject(describe(path, cause))
      else resolve(true)
    }
    ;(root as unknown as { sync(done: (cause?: unknown) => void): void }).sync(settle)
  })
}

function writeOnce<T>(root: RootDatabase, tx: Transaction, change: (tx: WriteTx) => T): T {
  let outcome: { readonly value: T } | undefined
  root.transactionSync(() => {
    try {
      outcome = { value: change(tx) } // not returned: lmdb would wait for a promise
    } finally {
      tx.end()
    }
  }, SYNCHRONOUS_COMMIT)
  assert(outcome !== undefined, 'a transaction that returns has run')
  return outcome.value
}

function bindReader(root: RootDatabase, tables: Tables, buffers: Buffers): ReadTx {
  root.resetReadTxn() // else the snapshot may be up to one turn of the event loop old
  const bound = root.useReadTransaction() as unknown as { readonly address: number; done(): void }
  const tx = new Transaction(tables, buffers, bound.address)
  return {
    get: (table, key) => tx.get(table, key),
    seek: (table, key) => tx.seek(table, key),
    seekBefore: (table, key) => tx.seekBefore(table, key),
    next: (table) => tx.next(table),
    release() {
      tx.end()
      bound.done()
    },
  }
}

/** A fault for the operator where the cause is of the disk or the file; else the cause. */
function describe(path: string, cause: unknown): unknown {
  if (cause instanceof Fault) return cause
  const { code } = cause as { code?: unknown }
  if (code === 'ENOTDIR' || code === 'EEXIST') return notADirectory(path, cause)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 13 || code === 30) {
    return new Fault(
      'store/not-writable',
      `the store's directory ${path} cannot be written: check its owner, its mode and its mount`,
      { path },
      { cause },
    )
  }
  if (DAMAGED.has(code)) {
    return new Fault(
      'store/damaged',
      `the store in ${path} is damaged (${messageOf(cause)}): remove it and start again, it is filled from the feed`,
      { path },
      { cause },
    )
  }
  return diskLow(path, cause)
}

function notADirectory(path: string, cause?: unknown): Fault {
  return new Fault(
    'store/not-a-directory',
    `${path} is not a directory: the store needs one of its own`,
    { path },
    { cause },
  )
}
