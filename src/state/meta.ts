/**
 * What the store says about itself: to whom it belongs (readable text, for tools), and one small row that every commit rewrites,
 * so that a snapshot costs one read.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { equalBytes, fromHex, fromUtf8, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { ReadTx, WriteTx } from '#ports/storage/key-value.ts'
import { ByteReader, ByteWriter } from './codec/bytes.ts'
import type { Heads, StoreIdentity } from './identity.ts'
import { getParts, replaceParts } from './parts.ts'
import { NOT_WIDENED, type Widening } from './bulk/stretches.ts'

/** Of the byte layouts of this folder. A store of another schema is made anew. */
export const SCHEMA = 6

export const IDENTITY_KEY = utf8('identity')
export const INITIALISING_KEY = utf8('initialising')
const STATUS_KEY = utf8('status')
const MACHINE_PREFIX = utf8('machine')
const TRIE_KEY = utf8('trie')

/** Everything that changes from commit to commit and is small. */
export interface Status {
  sequence: number
  position: number
  historyFrom: number
  chainFrom: number
  /** The index of logs is whole from chainFrom up to this block. */
  indexed: number
  /** State or head are on their way to this block, or further; what is here meanwhile is for nobody to see. */
  catchingUpTo: number | undefined
  /** How far rows of history stand in wider stretches. */
  widening: Widening
  heads: Heads
}

/** @throws Fault store/schema */
export function readIdentity(tx: Pick<ReadTx, 'get'>): StoreIdentity | undefined {
  const row = getParts(tx, 'meta', IDENTITY_KEY)
  if (row === undefined) return undefined
  const stored = JSON.parse(fromUtf8(row)) as Record<string, unknown>
  if (stored['schema'] !== SCHEMA) {
    throw new Fault(
      'store/schema',
      `the store has schema ${String(stored['schema'])} and this version reads ${SCHEMA}: remove its directory and start again, it is filled from the feed`,
      { stored: stored['schema'], read: SCHEMA },
    )
  }
  return {
    cluster: String(stored['cluster']),
    chainId: BigInt(String(stored['chainId'])),
    genesisHash: String(stored['genesisHash']) as BlockHash,
    generation: Number(stored['generation']),
    feed: String(stored['feed']),
  }
}

export function putIdentity(tx: WriteTx, identity: StoreIdentity): void {
  const text = JSON.stringify({ schema: SCHEMA, ...identity, chainId: identity.chainId.toString() })
  replaceParts(tx, 'meta', IDENTITY_KEY, utf8(text))
}

export function readStatus(tx: Pick<ReadTx, 'get'>): Status {
  return decodeStatus(statusRow(tx))
}

/** For one who reads it again and again: most reads are of the commit of the one before. */
export function createStatusReader(): (tx: Pick<ReadTx, 'get'>) => Readonly<Status> {
  let read: { readonly row: Uint8Array; readonly status: Readonly<Status> } | undefined
  return (tx) => {
    const row = statusRow(tx)
    if (read === undefined || !equalBytes(read.row, row))
      read = { row: row.slice(), status: decodeStatus(row) }
    return read.status
  }
}

function statusRow(tx: Pick<ReadTx, 'get'>): Uint8Array {
  const row = tx.get('meta', STATUS_KEY)
  assert(row !== undefined, 'a store is initialised before it is read')
  return row
}

function decodeStatus(row: Uint8Array): Status {
  const from = new ByteReader(row)
  const sequence = Number(from.u64())
  const position = Number(from.u64())
  const historyFrom = from.u32()
  const chainFrom = from.u32()
  const indexed = from.u32()
  const catchingUpTo = from.u8() === 0 ? undefined : from.u32()
  const widening = { moving: from.u8(), keyed: from.u32(), from: NOT_WIDENED.from.map(() => from.u32()) }
  const [head, safe, finalized, verified] = [readRef(from), readRef(from), readRef(from), readRef(from)]
  return {
    sequence,
    position,
    historyFrom,
    chainFrom,
    indexed,
    catchingUpTo,
    widening,
    heads: { head, safe, finalized, verified },
  }
}

export function putStatus(tx: WriteTx, status: Status): void {
  const out = new ByteWriter()
  out.u64(BigInt(status.sequence))
  out.u64(BigInt(status.position))
  out.u32(status.historyFrom)
  out.u32(status.chainFrom)
  out.u32(status.indexed)
  out.u8(status.catchingUpTo === undefined ? 0 : 1)
  if (status.catchingUpTo !== undefined) out.u32(status.catchingUpTo)
  out.u8(status.widening.moving)
  out.u32(status.widening.keyed)
  for (const from of status.widening.from) out.u32(from)
  const { head, safe, finalized, verified } = status.heads
  for (const ref of [head, safe, finalized, verified]) {
    out.u32(ref.number)
    out.raw(fromHex(ref.hash))
  }
  tx.put('meta', STATUS_KEY, out.done())
}

export function readMachine(tx: Pick<ReadTx, 'get'>): Uint8Array | undefined {
  return getParts(tx, 'meta', MACHINE_PREFIX)
}

export function putMachine(tx: WriteTx, state: Uint8Array): void {
  replaceParts(tx, 'meta', MACHINE_PREFIX, state)
}

/** Whether the store keeps a state trie: decided when it is made. */
export function readKeepsTrie(tx: Pick<ReadTx, 'get'>): boolean {
  return tx.get('meta', TRIE_KEY) !== undefined
}

export function putKeepsTrie(tx: WriteTx): void {
  tx.put('meta', TRIE_KEY, utf8('kept'))
}

function readRef(from: ByteReader): BlockRef {
  return { number: from.u32(), hash: toHex(from.raw(32)) as BlockHash }
}
