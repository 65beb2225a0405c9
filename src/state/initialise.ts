/**
 * The first state of a store. It may be larger than one transaction can hold, so a mark is written first and the identity last: a store
 * with the mark is emptied and begun again, and nobody reads a store without identity.
 */
import { type Block, refOf } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'
import { bigintTo, compareBytes, concatBytes, equalBytes, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'
import { type KeyValue, TABLES, type Table, type WriteTx } from '#ports/storage/key-value.ts'
import { putBlock, sinkInto } from './rows/chain-rows.ts'
import type { StoreIdentity } from './identity.ts'
import { INITIALISING_KEY, putIdentity, putKeepsTrie, putStatus } from './meta.ts'
import { putParts } from './parts.ts'
import { encodeAccount, encodeSlot } from './rows/rows.ts'
import { buildTrie } from './trie/build.ts'
import { NOT_WIDENED } from './bulk/stretches.ts'

/** Of one transaction: LMDB's list of dirty pages is bounded. */
const ROWS_MAX = 30_000

export function initialiseStore(
  kv: KeyValue,
  identity: StoreIdentity,
  genesis: Genesis,
  { compress, trie }: { readonly compress: Compress; readonly trie: boolean },
): void {
  empty(kv)
  inChunks(kv, stateRows(genesis), (tx, { table, key, value }) => tx.put(table, key, value))
  if (trie) refuseOtherRoot(buildTrie(kv), genesis)
  kv.write((tx) => {
    for (const { hash, code } of genesis.codes) putParts(tx, 'code', hash, code)
    putBlock(sinkInto(tx), genesisBlock(genesis), compress)
    const head = refOf(genesis.header)
    putStatus(tx, {
      sequence: 1,
      position: 0,
      historyFrom: head.number,
      chainFrom: head.number,
      indexed: head.number,
      catchingUpTo: undefined,
      widening: NOT_WIDENED,
      heads: { head, safe: head, finalized: head, verified: head },
    })
    putIdentity(tx, identity)
    if (trie) putKeepsTrie(tx)
    tx.remove('meta', INITIALISING_KEY)
  })
}

/** @throws Fault store/state-root */
function refuseOtherRoot(root: Uint8Array, { header }: Genesis): void {
  // anvil's block 0 has this root whatever its state is; its block 1 is proven.
  if (equalBytes(root, header.stateRoot) || toHex(header.stateRoot) === EMPTY_TRIE_ROOT) return
  const [expected, computed] = [toHex(header.stateRoot), toHex(root)]
  throw new Fault(
    'store/state-root',
    `the first block says that its state root is ${expected}, the state that was given has ${computed}: give the genesis of this chain, or go without --trie`,
    { expected, computed },
  )
}

/** Leaves nothing but the mark. */
function empty(kv: KeyValue): void {
  kv.write((tx) => tx.put('meta', INITIALISING_KEY, utf8('the genesis state is being written')))
  for (const table of TABLES) {
    while (kv.write((tx) => removeSome(tx, table)) === ROWS_MAX);
  }
}

function removeSome(tx: WriteTx, table: Table): number {
  const keys: Uint8Array[] = []
  for (let row = tx.seek(table, new Uint8Array(1)); row && keys.length < ROWS_MAX; row = tx.next(table)) {
    keys.push(row.key.slice())
  }
  for (const key of keys) if (compareBytes(key, INITIALISING_KEY) !== 0) tx.remove(table, key)
  return keys.length
}

interface StateRow {
  readonly table: 'accounts' | 'storage'
  readonly key: Uint8Array
  readonly value: Uint8Array
}

function stateRows(genesis: Genesis): StateRow[] {
  const accounts: StateRow[] = genesis.accounts.flatMap(({ address, after }) =>
    after === undefined
      ? []
      : {
          table: 'accounts' as const,
          key: address,
          value: encodeAccount(bigintTo(after.nonce, 8), bigintTo(after.balance, 32), after.codeHash),
        },
  )
  const slots: StateRow[] = genesis.slots.flatMap(({ address, key, value }) => {
    const stored = encodeSlot(value)
    return stored.length === 0
      ? []
      : { table: 'storage' as const, key: concatBytes(address, key), value: stored }
  })
  const byKey = (a: StateRow, b: StateRow): number => compareBytes(a.key, b.key)
  return [...accounts.sort(byKey), ...slots.sort(byKey)]
}

function inChunks<T>(kv: KeyValue, rows: readonly T[], put: (tx: WriteTx, row: T) => void): void {
  for (let from = 0; from < rows.length; from += ROWS_MAX) {
    kv.write((tx) => {
      for (const row of rows.slice(from, from + ROWS_MAX)) put(tx, row)
    })
  }
}

/** The first block as if it were a frame: no transactions; an empty list of withdrawals where the header commits to one. */
function genesisBlock({ header }: Genesis): Parameters<typeof putBlock>[1] {
  const block: Block = { header, transactions: [], senders: [], ommers: [] }
  return {
    block: header.withdrawalsRoot === undefined ? block : { ...block, withdrawals: [] },
    receipts: [],
    senders: 'recovered',
    source: 'file',
    level: 'root',
    deltaHash: new Uint8Array(32),
  }
}
