/**
 * What passes between answer threads, the queue of heavy calls and the compute threads of one replica. A call travels with the head of its
 * body, so that it is answered in the same view wherever it runs.
 */
import type { AnswerItem, HeadContext } from '#rpc/answer.ts'
import type { Call } from '#rpc/envelope.ts'

/** What came of a call that was set aside. */
export type AsideOutcome =
  | { readonly kind: 'answered'; readonly item: AnswerItem }
  /** Its head was reorganised away meanwhile. */
  | { readonly kind: 'notHeld' }
  /** Too many wait already, or it has waited too long. */
  | { readonly kind: 'full' }
  /** Whoever ran it ended, twice. */
  | { readonly kind: 'failed' }

/** From an answer thread to the queue; ids are the thread's own. */
export type ComputeAsk =
  | { readonly kind: 'run'; readonly id: number; readonly call: Call; readonly head: HeadContext }
  /** Nobody waits for it any more. */
  | { readonly kind: 'cancel'; readonly id: number }
export interface ComputeReply {
  readonly id: number
  readonly outcome: AsideOutcome
}

/** From the queue to a compute thread, one at a time; job numbers are the queue's. */
export interface ComputeOrder {
  readonly job: number
  readonly call: Call
  readonly head: HeadContext
}
export interface ComputeNews {
  readonly job: number
  readonly outcome: Extract<AsideOutcome, { kind: 'answered' | 'notHeld' }>
}

/** A number that the queue writes and a compute thread reads while it runs: the job that is to end. */
export const CANCELLED_BYTES = 4

export interface Cancelled {
  is(job: number): boolean
  set(job: number): void
}

export function createCancelled(buffer: SharedArrayBuffer): Cancelled {
  const cell = new Int32Array(buffer)
  return { is: (job) => Atomics.load(cell, 0) === job, set: (job) => void Atomics.store(cell, 0, job) }
}
