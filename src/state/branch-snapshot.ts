/**
 * The chain and the state of a branch that is not the chain: a snapshot up to the block where it leaves, and from there on the branch's own
 * blocks, held in memory. It is read as any snapshot is, by number; the index of transactions knows nothing of it.
 */
import type { Address, BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { createdAddress } from '#chain/transaction/sender.ts'
import { StagedState } from '#chain/delta/staged-state.ts'
import type { TrieReader } from '#chain/trie/rows.ts'
import { stagedRows, updateStateTrie } from '#chain/trie/state-trie.ts'
import { Lookup, type StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { fromHex } from '#kernel/bytes.ts'
import { blockSize } from './rows/block-size.ts'
import { encodeLog, LOG_ADDRESS_AT, LOG_FIXED_BYTES } from './codec/receipt.ts'
import type { RawBlock, Snapshot, StoredLog, StoredReceipt } from './snapshot.ts'
import { proofsOf } from './trie/proofs.ts'

const TOPIC_BYTES = 32

/** @param frames at least one, each the parent of the next, the first a child of a block of the snapshot's chain */
export function branchSnapshot(snapshot: Snapshot, frames: readonly Frame[]): Snapshot {
  const [first] = frames
  assert(first !== undefined, 'a branch has a block')
  const from = first.block.header.number
  assert(
    snapshot.hashAt(from - 1) === first.block.header.parentHash,
    'a branch leaves the chain at its parent',
  )
  const head: BlockRef = refOf((frames.at(-1) as Frame).block.header)
  const numbers = new Map<BlockHash, number>(
    frames.map(({ block: { header } }) => [header.hash, header.number]),
  )
  /** Of the branch; else what the chain says, which knows nothing above it. */
  const at = <T>(
    number: number,
    ofBranch: (frame: Frame) => T,
    ofChain: (number: number) => T | undefined,
  ): T | undefined => {
    if (number < from) return ofChain(number)
    const frame = frames[number - from]
    return frame && ofBranch(frame)
  }
  const hashAt = (number: number): BlockHash | undefined =>
    at(number, ({ block }) => block.header.hash, snapshot.hashAt)
  return {
    ...snapshot,
    heads: { ...snapshot.heads, head },
    hashAt,
    header: (number) =>
      at(
        number,
        ({ block }) => block.header,
        (n) => snapshot.header(n),
      ),
    numberOf(hash) {
      const number = numbers.get(hash) ?? snapshot.numberOf(hash)
      return number !== undefined && hashAt(number) === hash ? number : undefined
    },
    stateAt(number) {
      return number < from
        ? snapshot.stateAt(number)
        : stateOf(snapshot.stateAt(from - 1), frames.slice(0, number - from + 1))
    },
    proofsAt(number) {
      const rows = this.trieRows(number)
      return rows && proofsOf(rows, this.stateAt(number))
    },
    trieRows(number = head.number) {
      const below = snapshot.trieRows(Math.min(number, from - 1))
      if (below === undefined || number < from) return below
      return trieOf(below, snapshot.stateAt(from - 1), frames.slice(0, number - from + 1))
    },
    block: (number) =>
      at(
        number,
        ({ block }) => ({ ...block, size: rawOf(block).size }),
        (n) => snapshot.block(n),
      ),
    rawBlock: (number, header) =>
      at(
        number,
        ({ block }) => rawOf(block),
        (n) => snapshot.rawBlock(n, header),
      ),
    transactionHashes: (number) =>
      at(
        number,
        ({ block }) => block.transactions.map(({ hash }) => hash),
        (n) => snapshot.transactionHashes(n),
      ),
    logPlace: (number) =>
      at(
        number,
        ({ block: { header, transactions } }) => ({
          hash: header.hash,
          number,
          timestamp: header.timestamp,
          transactionHash: (index: number) => transactions[index]?.hash,
        }),
        (n) => snapshot.logPlace(n),
      ),
    receipts: (number) => at(number, receiptsOf, (n) => snapshot.receipts(n)),
    receiptList: (number) =>
      at(
        number,
        () => new Uint8Array(0),
        (n) => snapshot.receiptList(n),
      ),
    receipt: (number, index, list) =>
      at(
        number,
        (frame) => receiptsOf(frame)[index] as StoredReceipt,
        (n) => snapshot.receipt(n, index, list),
      ),
    transaction: () => undefined,
    logs: (number, visit) =>
      at(
        number,
        (frame) => visitLogs(frame, visit),
        (n) => snapshot.logs(n, visit),
      ),
    indexed: Math.min(snapshot.indexed, from - 1),
  }
}

function stateOf(base: StateView, frames: readonly Frame[]): StateView {
  const state = new StagedState(base)
  for (const { delta } of frames) state.apply(delta)
  const hashes = new Map(frames.map(({ block: { header } }) => [header.number, fromHex(header.hash)]))
  return {
    account: (address, out) => state.account(address, out),
    slot: (address, slot, out) => state.slot(address, slot, out),
    code: (hash) => state.code(hash),
    blockHash(number, out) {
      const hash = hashes.get(number)
      if (hash === undefined) return state.blockHash(number, out)
      out.set(hash)
      return Lookup.found
    },
  }
}

/** The trie of the block below, brought to the branch's last. */
function trieOf(below: TrieReader, base: StateView, frames: readonly Frame[]): TrieReader {
  const rows = stagedRows(below)
  const state = new StagedState(base)
  for (const { delta } of frames) {
    state.apply(delta)
    updateStateTrie(rows, delta, state)
  }
  return rows
}

function rawOf({ transactions, ...block }: Frame['block']): RawBlock {
  const raw = { ...block, transactions: transactions.map((transaction) => transaction.raw) }
  return { ...raw, hashes: transactions.map(({ hash }) => hash), size: blockSize(raw) }
}

function receiptsOf({ block: { transactions, senders }, receipts }: Frame): readonly StoredReceipt[] {
  let before = 0n
  let firstLogIndex = 0
  return receipts.map((receipt, i): StoredReceipt => {
    const transaction = transactions[i]
    assert(transaction !== undefined, 'a receipt has its transaction')
    const created = transaction.to === undefined && {
      contractAddress: createdAddress(senders[i] as Address, transaction.nonce),
    }
    const stored = { ...receipt, ...created, gasUsed: receipt.cumulativeGasUsed - before, firstLogIndex }
    before = receipt.cumulativeGasUsed
    firstLogIndex += receipt.logs.length
    return stored
  })
}

function visitLogs({ receipts }: Frame, visit: (log: StoredLog) => boolean): void {
  let logIndex = 0
  for (const [transactionIndex, { logs }] of receipts.entries())
    for (const log of logs) {
      const bytes = encodeLog(log, transactionIndex)
      const topicCount = log.topics.length
      const row = {
        ...{ logIndex: logIndex++, transactionIndex, bytes, topicCount },
        ...{ addressAt: LOG_ADDRESS_AT, topicsAt: LOG_FIXED_BYTES },
        ...{ dataAt: LOG_FIXED_BYTES + TOPIC_BYTES * topicCount, dataTo: bytes.length },
      }
      if (!visit(row)) return
    }
}
