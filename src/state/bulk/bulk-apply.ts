/**
 * Many final blocks at once, for a store that is far behind: of each key only its last value is written, in the order of the keys, and no
 * history. That is many transactions. The blocks' own rows come first: above the head nobody sees them. Before the first row of state a mark
 * says that the state is between two blocks, up to which one; the last transaction moves the head and takes the mark away. Everything can be
 * done again from the start: a store that was left with the mark becomes whole by the same blocks, or by those and more. Its state trie
 * (trie/bulk-trie.ts) was changed in part then and can tell nothing, so it is built anew from the state.
 */
import { type BlockRef, describeBlock } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, equalBytes, fromHex, release, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'
import type { KeyValue, WriteTx } from '#ports/storage/key-value.ts'
import { ACCOUNT_KEY, SLOT_KEY } from '#state/rows/block-rows.ts'
import { STATE_ANNALS } from '#state/history/history.ts'
import { CHANGES_MAX, type LatestValue, LatestValues } from './latest-values.ts'
import { putStatus, readStatus } from '#state/meta.ts'
import { writePacked } from '#state/rows/packed-rows.ts'
import { type Annals, type Pruned, pruneUpTo } from '#state/history/pruning.ts'
import type { BulkApply, StoreWriter } from '#state/store.ts'
import { TRIE_ANNALS } from '#state/trie/block-trie.ts'
import { type Latest, rebuildTrie, type StagedTrie, stageTrie, writeStaged } from '#state/trie/bulk-trie.ts'
import { storeWriter } from '#state/writer.ts'

/** Of one transaction: LMDB's list of dirty pages is bounded. */
const ROWS_MAX = 30_000
/** One delta has fewer. */
const ROOM_FOR_A_DELTA = CHANGES_MAX / 4

/** Changes whose rows of the trie are held in memory until they are written, about a kilobyte each. */
const STAGED_CHANGES_MAX = 50_000

export interface BulkParts {
  readonly kv: KeyValue
  readonly compress: Compress
  readonly keepsTrie: boolean
}

/**
 * @param isHalfWay a life before this one left the mark
 * @param bytesMax of changes that it holds, about
 */
export function bulkApply(
  { kv, compress, keepsTrie }: BulkParts,
  {
    head,
    isHalfWay,
    bytesMax,
  }: { readonly head: BlockRef; readonly isHalfWay: boolean; readonly bytesMax: number },
): BulkApply {
  const accounts = new LatestValues(ACCOUNT_KEY)
  const slots = new LatestValues(SLOT_KEY)
  let waiting: Uint8Array[] = []
  let waitingRows = 0
  let last = head
  let lastRoot: Uint8Array = new Uint8Array(0)
  /** The rows of the trie are no longer those of the head. */
  let isTrieLost = isHalfWay
  /** What is written at the end, once its root is proven. */
  let proven: { readonly latest: Latest; readonly trie: StagedTrie } | undefined
  /** Of addresses whose storage was wiped: how many changes of slots came before that. */
  const cleared = new Map<string, number>()

  const writeBlocks = (): void => {
    kv.write((tx) => {
      for (const rows of waiting) writePacked(tx, rows)
    })
    for (const rows of waiting) release(rows)
    waiting = []
    waitingRows = 0
  }
  const mark = (): void => {
    kv.write((tx) => {
      const status = readStatus(tx)
      status.catchingUpTo = Math.max(last.number, status.catchingUpTo ?? 0)
      status.sequence += 1
      putStatus(tx, status)
    })
  }
  const isWiped = ({ key, place }: LatestValue): boolean =>
    cleared.size > 0 && place < (cleared.get(toHex(key, 0, 20)) ?? 0)
  const writeState = ({
    accounts: ofAccounts,
    slots: ofSlots,
  }: Record<'accounts' | 'slots', Iterable<LatestValue>>): void => {
    mark()
    for (const address of cleared.keys()) clearStorage(kv, fromHex(address))
    writeValues(kv, 'accounts', ofAccounts)
    writeValues(kv, 'storage', ofSlots, isWiped)
    for (const written of [accounts, slots, cleared]) written.clear()
  }
  const count = (): number => Math.max(accounts.count(), slots.count())
  const provesRoot = (): boolean => {
    // Where the trie is built anew its root is known only then.
    if (!keepsTrie || isTrieLost || proven !== undefined) return true
    if (count() > STAGED_CHANGES_MAX + ROOM_FOR_A_DELTA) isTrieLost = true
    if (isTrieLost) return true
    const latest = {
      accounts: [...accounts.take()],
      slots: [...slots.take()].filter((value) => !isWiped(value)),
      cleared: [...cleared.keys()].map(fromHex),
    }
    const trie = stageTrie(kv, latest)
    proven = { latest, trie }
    return equalBytes(trie.root, lastRoot)
  }
  const writeTrie = (): void => {
    if (proven !== undefined) return writeStaged(kv, proven.trie)
    if (keepsTrie) refuseOtherRoot(rebuildTrie(kv), last, lastRoot)
  }

  return {
    last: () => last,
    add({ block, parent, stateRoot, chain, chainCount, ...values }) {
      assert(parent === last.hash, 'a block extends the one that was given before it')
      assert(proven === undefined, 'after the proof no block is added')
      if (count() > CHANGES_MAX - ROOM_FOR_A_DELTA) {
        writeState({ accounts: accounts.take(), slots: slots.take() })
        isTrieLost = true
      }
      for (let at = 0; at < values.cleared.length; at += 20)
        cleared.set(toHex(values.cleared, at, at + 20), slots.count())
      accounts.add(values.accounts)
      slots.add(values.slots)
      for (const rows of [values.accounts, values.slots]) release(rows)
      last = block
      lastRoot = stateRoot
      waiting.push(chain)
      waitingRows += chainCount
      if (waitingRows >= ROWS_MAX) writeBlocks()
    },
    isFull: () =>
      count() > (keepsTrie ? STAGED_CHANGES_MAX : CHANGES_MAX / 2) ||
      accounts.bytes() + slots.bytes() > bytesMax,
    provesRoot,
    finish(change) {
      assert(provesRoot(), 'what has another root is not written')
      writeBlocks()
      writeState(proven?.latest ?? { accounts: accounts.take(), slots: slots.take() })
      writeTrie()
      for (const annals of [STATE_ANNALS, TRIE_ANNALS])
        while (!kv.write((tx) => prune(tx, annals, last)).done);
      return kv.write((tx) => moveHead(tx, last, compress, change))
    },
  }
}

function moveHead(
  tx: WriteTx,
  last: BlockRef,
  compress: Compress,
  change: (writer: StoreWriter) => void,
): number {
  const status = readStatus(tx)
  assert((status.catchingUpTo ?? 0) <= last.number, 'blocks taken at once reach what was begun')
  status.sequence += 1
  status.heads = { ...status.heads, head: last }
  status.historyFrom = last.number
  status.catchingUpTo = undefined
  change(storeWriter(tx, status, compress))
  putStatus(tx, status)
  return status.sequence
}

function writeValues(
  kv: KeyValue,
  table: 'accounts' | 'storage',
  latest: Iterable<LatestValue>,
  isWiped: (value: LatestValue) => boolean = () => false,
): void {
  const values = latest[Symbol.iterator]()
  for (let more = true; more; )
    kv.write((tx) => {
      for (let left = ROWS_MAX; left > 0; left--) {
        const { done, value } = values.next()
        if (done === true) {
          more = false
          return
        }
        if (value.value.length === 0 || isWiped(value)) tx.remove(table, value.key)
        else tx.put(table, value.key, value.value)
      }
    })
}

function prune(tx: WriteTx, annals: Annals, { number }: BlockRef): Pruned {
  return pruneUpTo(tx, annals, number, { rowsMax: ROWS_MAX, widening: readStatus(tx).widening })
}

/** @throws Fault store/state-root */
function refuseOtherRoot(root: Uint8Array, last: BlockRef, expected: Uint8Array): void {
  if (equalBytes(root, expected)) return
  const roots = { expected: toHex(expected), computed: toHex(root) }
  throw new Fault(
    'store/state-root',
    `the state after block ${describeBlock(last)} has root ${roots.computed}, its header says ${roots.expected}, and the store is half way to it: remove the store's folder to fill it again`,
    { number: last.number, hash: last.hash, ...roots },
  )
}

/** Removes all slots of an address. */
function clearStorage(kv: KeyValue, address: Uint8Array): void {
  while (kv.write((tx) => removeSlots(tx, address)) === ROWS_MAX);
}

function removeSlots(tx: WriteTx, address: Uint8Array): number {
  const keys: Uint8Array[] = []
  const first = concatBytes(address, new Uint8Array(32))
  for (let row = tx.seek('storage', first); row && keys.length < ROWS_MAX; row = tx.next('storage')) {
    if (!equalBytes(row.key.subarray(0, 20), address)) break
    keys.push(row.key.slice())
  }
  for (const key of keys) tx.remove('storage', key)
  return keys.length
}
