/**
 * The store over any KeyValue. One commit is one transaction with a sequence one higher than the last, stored in it, so whoever binds a
 * snapshot can tell which commit it shows.
 */
import type { Hash32 } from '#chain/block/block-ref.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { assert } from '#kernel/assert.ts'
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'
import type { KeyValue, ReadTx } from '#ports/storage/key-value.ts'
import {
  BlockHashes,
  findTransaction,
  hashText,
  readBlockHash,
  readHeader,
  readNumber,
  readReceiptList,
  readTimestamp,
  readTransactionHashes,
} from './rows/chain-rows.ts'
import { bulkApply } from './bulk/bulk-apply.ts'
import { flatState } from './flat-state.ts'

import type { StoreIdentity } from './identity.ts'
import { initialiseStore } from './initialise.ts'
import { LogRow, visitLogs, visitSomeLogs } from './logs/log-rows.ts'
import {
  createStatusReader,
  putStatus,
  readIdentity,
  readKeepsTrie,
  readMachine,
  readStatus,
  type Status,
} from './meta.ts'
import { getParts } from './parts.ts'
import type { LogPlace, Snapshot } from './snapshot.ts'
import type { Store } from './store.ts'
import { readRawBlock, readStoredBlock, readStoredReceipt, readStoredReceipts } from './stored-block.ts'
import { proofsOf, trieAt } from './trie/proofs.ts'
import { sidePrefix, storeWriter, wideningOf } from './writer.ts'

export interface StoreOptions {
  readonly compress: Compress
  /** Keep a state trie: decided when the store is made, and then its own. */
  readonly trie?: boolean
}

const HISTORY_TABLES = ['history', 'changes', 'trieHistory', 'trieChanges'] as const

/** @throws Fault store/schema where `kv` holds a store of another version's layout */
export function openStore(kv: KeyValue, { compress, trie = false }: StoreOptions): Store {
  const identity = (): StoreIdentity | undefined => reading(kv, readIdentity)
  const statusOf = createStatusReader()
  identity()
  return {
    identity,
    initialise(wanted, genesis) {
      const stored = identity()
      if (stored === undefined)
        return initialiseStore(kv, wanted, checked(wanted, genesis), { compress, trie })
      refuseForeign(stored, wanted)
      if (trie && !reading(kv, readKeepsTrie)) throw noTrie()
    },
    keepsTrie: () => reading(kv, readKeepsTrie),
    snapshot() {
      const tx = kv.read()
      return bindSnapshot(tx, statusOf(tx), compress)
    },
    commit: (change) =>
      kv.write((tx) => {
        const status = readStatus(tx)
        status.sequence += 1
        change(storeWriter(tx, status, compress))
        putStatus(tx, status)
        return status.sequence
      }),
    historyBytes: () => HISTORY_TABLES.reduce((sum, table) => sum + kv.bytes(table), 0),
    bulk(bytesMax = Number.POSITIVE_INFINITY) {
      const { heads, catchingUpTo } = reading(kv, readStatus)
      const parts = { kv, compress, keepsTrie: reading(kv, readKeepsTrie) }
      return bulkApply(parts, { head: heads.head, isHalfWay: catchingUpTo !== undefined, bytesMax })
    },
  }
}

function reading<T>(kv: KeyValue, read: (tx: ReadTx) => T): T {
  const tx = kv.read()
  try {
    return read(tx)
  } finally {
    tx.release()
  }
}

function checked(identity: StoreIdentity, genesis: Genesis): Genesis {
  assert(identity.genesisHash === genesis.header.hash, 'the identity names the genesis that is written')
  return genesis
}

function refuseForeign(stored: StoreIdentity, wanted: StoreIdentity): void {
  for (const field of ['cluster', 'chainId', 'genesisHash', 'generation', 'feed'] as const) {
    if (stored[field] === wanted[field]) continue
    throw new Fault(
      'store/foreign',
      `the store belongs to ${field} ${stored[field]} and not to ${wanted[field]}: give another directory, or remove this one to fill it again`,
      { field, stored: String(stored[field]), wanted: String(wanted[field]) },
    )
  }
}

function noTrie(): Fault {
  return new Fault(
    'store/no-trie',
    'the store was made without a state trie: go without --trie, or remove its directory to fill it again',
  )
}

function bindSnapshot(tx: ReadTx, status: Readonly<Status>, compress: Compress): Snapshot {
  const { head } = status.heads
  const isHere = (number: number): boolean => number >= status.chainFrom && number <= head.number
  const logRow = new LogRow()
  return {
    sequence: status.sequence,
    heads: status.heads,
    position: status.position,
    historyFrom: status.historyFrom,
    isToWiden: () => wideningOf(status).moving > 0,
    chainFrom: status.chainFrom,
    machine: () => readMachine(tx),
    stateAt(number) {
      assert(number >= status.historyFrom && number <= head.number, 'state is read within the horizon')
      return flatState(tx, number, { head: head.number, widening: status.widening })
    },
    proofsAt(number) {
      const rows = this.trieRows(number)
      return rows && proofsOf(rows, this.stateAt(number))
    },
    trieRows(number = head.number) {
      if (!readKeepsTrie(tx)) return undefined
      return trieAt(tx, { number, head: head.number, widening: status.widening })
    },
    hashAt(number) {
      const hash = isHere(number) ? readBlockHash(tx, number) : undefined
      return hash && hashText(hash)
    },
    header: (number) => (isHere(number) ? readHeader(tx, number) : undefined),
    numberOf(hash) {
      const number = readNumber(tx, hash)
      return number !== undefined && isHere(number) ? number : undefined
    },
    block: (number) => (isHere(number) ? readStoredBlock(tx, number, compress) : undefined),
    rawBlock: (number, header) => (isHere(number) ? readRawBlock(tx, number, compress, header) : undefined),
    transactionHashes: (number) => (isHere(number) ? readTransactionHashes(tx, number) : undefined),
    logPlace: (number) => (isHere(number) ? readLogPlace(tx, number) : undefined),
    receipts: (number) => (isHere(number) ? readStoredReceipts(tx, number, compress) : undefined),
    receiptList: (number) => (isHere(number) ? readReceiptList(tx, number, compress) : undefined),
    receipt: (number, index, list) => readStoredReceipt(tx, { number, index }, list),
    transaction(hash: Hash32) {
      const place = findTransaction(tx, hash)
      return place && isHere(place.number) ? place : undefined
    },
    logs(number, visit) {
      if (isHere(number)) visitLogs(tx, number, visit, logRow)
    },
    catchingUpTo: status.catchingUpTo,
    indexed: status.indexed,
    indexedLogs(search, { from, to }, visit) {
      assert(from >= status.chainFrom && to <= status.indexed, 'the index is asked about what it knows')
      for (const [number, indexes] of search.candidates(tx, from, to))
        if (!visitSomeLogs(tx, { number, indexes }, (log) => visit(number, log), logRow)) return
    },
    compress,
    side: (key) => getParts(tx, 'side', sidePrefix(key)),
    release: () => tx.release(),
  }
}

function readLogPlace(tx: ReadTx, number: number): LogPlace {
  const hashes = new BlockHashes(tx, number)
  const hash = hashes.block()
  const timestamp = readTimestamp(tx, number)
  assert(hash !== undefined && timestamp !== undefined, 'a block of the chain has its header and its hashes')
  return {
    hash: hashText(hash),
    number,
    timestamp,
    transactionHash: (index) => hashes.transaction(index),
  }
}
