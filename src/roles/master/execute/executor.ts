/**
 * Turns blocks into proven frames on the master's own store, of which it is the only writer. A block is checked against its header
 * before (hash, parent, roots of its lists) and after execution (gas, receipts, bloom, requests, blob gas); what differs is refused by
 * name and leaves the store as it was. A frame is committed before it is handed out: after a crash the follower undoes what the feed
 * has not seen whole and executes it again, so the store need not keep frames. Runs in a thread of its own in production.
 */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { describeBlock } from '#chain/block/block-ref.ts'
import { type Block, type Frame, refOf } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { requestsHash } from '#chain/block/roots.ts'
import { blockDifference, type Difference, executionDifference } from '#chain/block/verify-block.ts'
import { executeBlock } from '#evm/block/execute-block.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, equalBytes, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Compress } from '#ports/compress.ts'
import type { Logger } from '#ports/logger.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { depositsIn } from '#evm/block/requests.ts'
import { encodeFrame } from '#wire/frame.ts'
import { checkFrame } from '#wire/frame-check.ts'
import { newPayload, type OutsideFrame, whyNoPayload } from '#roles/master/aid/engine-payload.ts'
import { type ExecutorReply, type ExecutorRequest, type Refusal, serveExecutor } from './messages.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'

/** Blocks whose undoing the own store keeps at least, final or not. */
const HISTORY_BLOCKS = 1_024
/** History rows dropped with one block: more than a block adds, so that dropping keeps up. */
const PRUNED_ROWS_MAX = 20_000

export interface ExecutorCollaborators {
  readonly store: Store
  readonly genesis: Genesis
  readonly compress: Compress
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MasterMetrics
}

/** Where it is not told otherwise: blocks come from a client, senders and all. */
const CLAIMED = { senders: 'claimed', source: 'execute' } as const

/** Answers the follower's requests until the thread ends. */
export function createExecutor(
  mailbox: Mailbox<ExecutorReply, ExecutorRequest>,
  parts: ExecutorCollaborators,
): void {
  const { store, genesis, metrics } = parts
  let finalNumber = 0
  serveExecutor(mailbox, {
    open({ identity, baseHeader }) {
      store.initialise(identity, { ...genesis, header: headerFromRlp(baseHeader) })
      return headOf(store)
    },
    execute({ block, ...told }) {
      const startedMs = parts.clock.nowMs()
      const outcome = prove(block, { ...CLAIMED, ...told }, parts)
      if ('refusal' in outcome) return refuse(outcome.refusal, parts)
      const { frame } = outcome
      const unproven = commit(frame, store, finalNumber)
      if (unproven !== undefined) return refuse(unproven, parts)
      metrics.executed.add(1)
      metrics.ownHead.set(block.header.number)
      metrics.executeSeconds.observe((parts.clock.nowMs() - startedMs) / 1_000)
      return {
        frame: {
          block: refOf(block.header),
          parent: block.header.parentHash,
          bytes: encodeFrame(frame, parts.compress),
          deltaHash: toHex(frame.deltaHash),
          level: frame.level,
        },
      }
    },
    apply(named) {
      const verdict = checkFrame(named.bytes, named, 'strict', parts.compress)
      if (verdict.kind === 'bad') return { why: verdict.why }
      if (named.level === 'none') return { why: 'nobody has proven it' }
      const unproven = commit(verdict.frame, store, finalNumber)
      if (unproven !== undefined) return { why: `its state root is ${unproven.computed}` }
      metrics.taken.add(1)
      metrics.ownHead.set(named.block.number)
      return {}
    },
    payload(named) {
      const verdict = checkFrame(named.bytes, named, 'strict', parts.compress)
      if (verdict.kind === 'bad') return { kind: 'never', why: verdict.why }
      const { block, receipts } = verdict.frame
      const why = whyNoPayload(block)
      if (why !== undefined) return { kind: 'never', why }
      const outside = outsideFrame(block, receipts, parts)
      return outside === undefined
        ? {
            kind: 'later',
            why: 'part of its payload is known to who executes it, and its parent is not in the own store',
          }
        : { kind: 'payload', ...newPayload(block, outside) }
    },
    undoTo({ number }) {
      while (headOf(store).number > number) {
        store.commit((writer) => void writer.undo())
        metrics.undone.add(1)
      }
      metrics.ownHead.set(number)
      return headOf(store)
    },
    hashAt: ({ number }) => reading(store, (snapshot) => snapshot.hashAt(number)),
    finalize({ number }) {
      finalNumber = Math.max(finalNumber, number)
      return undefined
    },
  })
}

/** Writes it, or says that its state root is another. */
function commit(frame: Frame, store: Store, finalNumber: number): Refusal | undefined {
  const { header } = frame.block
  try {
    store.commit((writer) => {
      writer.apply(frame)
      const keepFrom = Math.min(header.number - HISTORY_BLOCKS, finalNumber)
      if (keepFrom > 0) writer.pruneHistory(keepFrom, PRUNED_ROWS_MAX)
    })
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== 'store/state-root') throw thrown
    const { expected, computed } = thrown.detail
    return {
      block: refOf(header),
      field: 'stateRoot',
      expected: String(expected),
      computed: String(computed),
    }
  }
}

/** Everything that can be wrong with a block is an outcome; what throws here is a bug or a broken store. */
function prove(
  block: Block,
  told: Pick<Frame, 'senders' | 'source'>,
  { store, genesis }: ExecutorCollaborators,
): { frame: Frame } | { refusal: Refusal } {
  const { header } = block
  const refuse = ({ field, expected, computed }: Difference) => ({
    refusal: { block: refOf(header), field, expected, computed },
  })
  return reading(store, (snapshot) => {
    const { head } = snapshot.heads
    assert(header.parentHash === head.hash, 'a block is executed on its parent')
    const rules = genesis.config.rulesAt(header.number, header.timestamp)
    const before = numberDifference(block, head) ?? blockDifference(block)
    if (before !== undefined) return refuse(before)
    const executed = executeBlock(block, rules, snapshot.stateAt(head.number), snapshot.trieRows())
    if (executed.kind === 'refused')
      return refuse({ field: 'transactions', expected: 'executable', computed: executed.reason })
    const after = executionDifference(block, executed)
    if (after !== undefined) return refuse(after)
    const frame: Frame = {
      block,
      receipts: executed.receipts,
      delta: executed.delta,
      deltaHash: executed.deltaHash,
      ...told,
      // The trie proves it as it is committed.
      level: snapshot.trieRows() === undefined ? 'receipts' : 'root',
    }
    return { frame }
  })
}

/**
 * Requests (EIP-7685) that give the header's hash, mostly none or deposits, which logs tell; else, and for the access list, what the block's
 * execution gives. Undefined where it cannot be executed here.
 */
function outsideFrame(
  block: Block,
  receipts: readonly Receipt[],
  { store, genesis }: ExecutorCollaborators,
): OutsideFrame | undefined {
  const { header } = block
  if (header.requestsHash === undefined) return {}
  const rules = genesis.config.rulesAt(header.number, header.timestamp)
  if (header.blockAccessListHash === undefined) {
    const deposits = depositsIn(
      receipts.flatMap(({ logs }) => logs),
      rules,
    )
    const requests = deposits instanceof Uint8Array ? [concatBytes(Uint8Array.of(0), deposits)] : []
    if (equalBytes(requestsHash(requests), header.requestsHash)) return { requests }
  }
  return reading(store, (snapshot) => {
    const parent = header.number - 1
    if (snapshot.hashAt(parent) !== header.parentHash || parent < snapshot.historyFrom) return undefined
    const executed = executeBlock(block, rules, snapshot.stateAt(parent), snapshot.trieRows(parent))
    if (executed.kind === 'refused' || executionDifference(block, executed) !== undefined) return undefined
    return executed
  })
}

function numberDifference({ header }: Block, parent: BlockRef): Difference | undefined {
  if (header.number === parent.number + 1) return undefined
  return { field: 'number', expected: String(header.number), computed: String(parent.number + 1) }
}

function refuse(refusal: Refusal, { log, metrics }: ExecutorCollaborators): { refusal: Refusal } {
  metrics.refused.add(1)
  const { block, field, expected, computed } = refusal
  log.error(
    "a block is not what its header says: it is not published, and this master stays at the block's parent",
    {
      block: describeBlock(block),
      field,
      expected,
      computed,
    },
  )
  return { refusal }
}

function headOf(store: Store): BlockRef {
  return reading(store, (snapshot) => snapshot.heads.head)
}

function reading<T>(store: Store, read: (snapshot: Snapshot) => T): T {
  const snapshot = store.snapshot()
  try {
    return read(snapshot)
  } finally {
    snapshot.release()
  }
}
