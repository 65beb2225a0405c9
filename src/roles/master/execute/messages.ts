/**
 * What the follower asks its executor and what it gets back: plain values that survive a structured clone between threads. Every
 * request has an id and exactly one reply; the executor answers in order.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import type { Block, Level } from '#chain/block/frame.ts'
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Hex } from '#kernel/bytes.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import type { StoreIdentity } from '#state/identity.ts'
import type { EngineCall } from '#roles/master/aid/engine-payload.ts'
import type { FeedFrame } from '#roles/master/from-feed/feed-frames.ts'

/** A frame ready for the feed: encoded by the executor, so that the follower never holds its parts apart. */
export interface EncodedFrame {
  readonly block: BlockRef
  readonly parent: BlockHash
  readonly bytes: Uint8Array
  readonly deltaHash: Hex
  readonly level: Level
}

/** A block that is not what its header says: `field` is the header's (or `senders`), values as hex or decimal text. */
export interface Refusal {
  readonly block: BlockRef
  readonly field: string
  readonly expected: string
  readonly computed: string
}

interface ToExecute {
  readonly block: Block
  /** Else they came with the block, and its execution proves them. */
  readonly senders?: 'recovered'
  readonly source?: 'file'
}

/** Request kind → its values and its answer. */
interface Exchanges {
  /** Makes the store where it is empty, else checks that it is this chain's. `baseHeader` is RLP. */
  open: { ask: { identity: StoreIdentity; baseHeader: Uint8Array }; answer: BlockRef }
  execute: { ask: ToExecute; answer: { frame: EncodedFrame } | { refusal: Refusal } }
  /** Takes a block that another master has proven, on top of the head; `why` it was not taken. */
  apply: { ask: FeedFrame; answer: { why?: string } }
  /** The Engine API's call that gives this block to a client. `later`: the own store must have its parent first. */
  payload: {
    ask: FeedFrame
    answer: ({ kind: 'payload' } & EngineCall) | { kind: 'never' | 'later'; why: string }
  }
  /** Undoes down to `number`, which becomes the head. */
  undoTo: { ask: { number: number }; answer: BlockRef }
  /** The own chain's block at `number`. */
  hashAt: { ask: { number: number }; answer: BlockHash | undefined }
  /** What the client calls final: history below is dropped in time. */
  finalize: { ask: { number: number }; answer: undefined }
}
type Kind = keyof Exchanges

export type ExecutorRequest = { [K in Kind]: { id: number; kind: K; ask: Exchanges[K]['ask'] } }[Kind]
export type ExecutorReply =
  | { readonly id: number; readonly answer: unknown }
  | {
      readonly id: number
      readonly failed: {
        readonly code: string | undefined
        readonly message: string
        readonly detail: object
      }
    }

export type ExecutorHandlers = {
  [K in Kind]: (ask: Exchanges[K]['ask']) => Exchanges[K]['answer']
}

/** The follower's side. A failure of the executor rejects with the Fault that it was there. */
export interface ExecutorDoor {
  ask<K extends Kind>(kind: K, ask: Exchanges[K]['ask']): Promise<Exchanges[K]['answer']>
  /** Whoever waits is told so, and later ones are: the executor may be gone before it answers. */
  close(): void
}

export function openExecutorDoor(mailbox: Mailbox<ExecutorRequest, ExecutorReply>): ExecutorDoor {
  const pending = new Map<number, { settle(answer: unknown): void; fail(thrown: unknown): void }>()
  const closed = new Fault('scope/closed', 'the executor is not asked any more')
  let isClosed = false
  let lastId = 0
  mailbox.onMessage((reply) => {
    const asked = pending.get(reply.id)
    pending.delete(reply.id)
    if ('answer' in reply) asked?.settle(reply.answer)
    else asked?.fail(revive(reply.failed))
  })
  return {
    ask<K extends Kind>(kind: K, ask: Exchanges[K]['ask']) {
      if (isClosed) return Promise.reject(closed)
      const { promise, resolve, reject } = Promise.withResolvers<Exchanges[K]['answer']>()
      pending.set(++lastId, { settle: resolve as (answer: unknown) => void, fail: reject })
      mailbox.post({ id: lastId, kind, ask } as ExecutorRequest)
      return promise
    },
    close() {
      isClosed = true
      for (const { fail } of pending.values()) fail(closed)
      pending.clear()
    },
  }
}

/** The executor's side: one request at a time, in order. */
export function serveExecutor(
  mailbox: Mailbox<ExecutorReply, ExecutorRequest>,
  handlers: ExecutorHandlers,
): void {
  mailbox.onMessage(({ id, kind, ask }) => {
    try {
      mailbox.post({ id, answer: handlers[kind](ask as never) })
    } catch (thrown) {
      const detail = thrown instanceof Fault ? thrown.detail : {}
      mailbox.post({ id, failed: { code: faultCode(thrown), message: messageOf(thrown), detail } })
    }
  })
}

function revive(failed: { code: string | undefined; message: string; detail: object }): Error {
  if (failed.code === undefined) return new Error(failed.message) // a bug there is a bug here
  return new Fault(failed.code, failed.message, failed.detail as Record<string, unknown>)
}
