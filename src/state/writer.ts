/**
 * One transaction of the store. Applying a block writes each value before it into history, then the new one; undoing takes the values
 * back from there and rebuilds the frame from what the block left: keys from `changes`, values from the tables, the rest from the
 * chain's rows. So a store after undo is, row by row, the store before apply (code apart, which is kept by hash for ever).
 */
import { type BlockRef, describeBlock } from '#chain/block/block-ref.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, equalBytes, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'
import type { WriteTx } from '#ports/storage/key-value.ts'
import { putBlock, readHeader, removeBlock, sinkInto } from './rows/chain-rows.ts'
import { applyDelta, undoDelta } from './rows/delta-rows.ts'
import { removeChanges, STATE_ANNALS } from './history/history.ts'
import type { Heads } from './identity.ts'
import { latestState } from './flat-state.ts'
import { indexBlock, unindexBlock } from './logs/log-postings.ts'
import { putMachine, readKeepsTrie, type Status } from './meta.ts'
import { getParts, removeParts, replaceParts } from './parts.ts'
import { pruneUpTo } from './history/pruning.ts'
import type { StoreWriter } from './store.ts'
import { readFrame } from './stored-block.ts'
import { keyedTo, nextWidening, widen, type Widening } from './bulk/stretches.ts'
import { applyToTrie, keyLayers, TRIE_ANNALS, undoInTrie } from './trie/block-trie.ts'

export const SIDE_KEY_BYTES_MAX = 64

export function storeWriter(tx: WriteTx, status: Status, compress: Compress): StoreWriter {
  const moveHead = (head: BlockRef): void => {
    status.heads = { ...status.heads, head }
  }
  return {
    head: () => status.heads.head,
    apply(frame) {
      const { header } = frame.block
      const { head } = status.heads
      assert(header.parentHash === head.hash, 'a block extends the head it is applied to')
      assert(header.number === head.number + 1, 'a block has the number after its parent')
      applyDelta(tx, frame.delta, header.number)
      if (readKeepsTrie(tx)) proveRoot(tx, frame)
      putBlock(sinkInto(tx), frame, compress)
      moveHead(refOf(header))
    },
    undo() {
      const { head } = status.heads
      if (head.number <= status.historyFrom) throw tooDeep(head, status.historyFrom)
      if (head.number === status.indexed) {
        unindexBlock(tx, head.number)
        status.indexed -= 1
      }
      const frame = readFrame(tx, head.number, compress, () => undoDelta(tx, head.number))
      removeChanges(tx, head.number)
      undoInTrie(tx, head.number)
      removeBlock(tx, frame.block.header, frame.receipts)
      const parent = readHeader(tx, head.number - 1)
      assert(parent?.hash === frame.block.header.parentHash, 'the parent of the head is stored')
      moveHead(refOf(parent))
      return frame
    },
    setMarks(marks: Omit<Heads, 'head'>) {
      status.heads = { ...marks, head: status.heads.head }
    },
    setMachine(position, state) {
      status.position = position
      putMachine(tx, state)
    },
    setCatchingUpTo(number) {
      status.catchingUpTo = number
    },
    putSide: (key, bytes) => replaceParts(tx, 'side', sidePrefix(key), bytes),
    removeSide: (key) => removeParts(tx, 'side', sidePrefix(key)),
    side: (key) => getParts(tx, 'side', sidePrefix(key)),
    indexed: () => status.indexed,
    index(rowsMax) {
      let rows = 0
      while (status.indexed < status.heads.head.number && rows < rowsMax)
        rows += 1 + indexBlock(tx, (status.indexed += 1))
      return status.indexed === status.heads.head.number
    },
    pruneHistory(number, rowsMax) {
      assert(number <= status.heads.head.number, 'the state at the head is always kept')
      if (number < status.historyFrom) return true
      const how = { rowsMax, widening: status.widening }
      const state = pruneUpTo(tx, STATE_ANNALS, number, how)
      const trie = pruneUpTo(tx, TRIE_ANNALS, number, how)
      const done = state.done && trie.done
      const prunedTo = Math.max(state.prunedTo ?? 0, trie.prunedTo ?? 0)
      status.historyFrom = done ? number : Math.max(status.historyFrom, prunedTo)
      return done
    },
    isToWiden: () => wideningOf(status).moving > 0,
    widenHistory(rowsMax) {
      const widening = wideningOf(status)
      if (widening.keyed < keyedTo(widening))
        status.widening = { ...widening, keyed: keyLayers(tx, widening, rowsMax) }
      else status.widening = widening.moving > 0 ? widen(tx, widening, rowsMax) : widening
      return wideningOf(status).moving === 0
    },
  }
}

/** `length 1 ‖ key`: no key is then a prefix of another's parts. */
export function sidePrefix(key: Uint8Array): Uint8Array {
  assert(key.length > 0 && key.length <= SIDE_KEY_BYTES_MAX, 'a side key has 1 to 64 bytes')
  return concatBytes(Uint8Array.of(key.length), key)
}

/** @throws Fault store/state-root */
function proveRoot(tx: WriteTx, { block: { header }, delta }: Frame): void {
  const root = applyToTrie(tx, header.number, delta, latestState(tx, header.number))
  if (equalBytes(root, header.stateRoot)) return
  const [expected, computed] = [toHex(header.stateRoot), toHex(root)]
  throw new Fault(
    'store/state-root',
    `the state after block ${describeBlock(refOf(header))} has root ${computed}, its header says ${expected}: its delta is not what the block did`,
    { number: header.number, hash: header.hash, expected, computed },
  )
}

/** What is to be done next. */
export function wideningOf({ widening, heads, historyFrom }: Status): Widening {
  return nextWidening(widening, { finalized: heads.finalized.number, historyFrom })
}

function tooDeep(head: BlockRef, historyFrom: number): Fault {
  return new Fault(
    'replica/too-deep',
    `block ${describeBlock(head)} cannot be undone: history is kept above ${historyFrom} only. Remove the store and let it fill again, or keep a larger horizon`,
    { number: head.number, hash: head.hash, historyFrom },
  )
}
