/**
 * New heads of a client that has no WebSocket: its block number is asked for at a fraction of the block time, which is learned from the
 * answers. A number that stays is not looked into: a reorganisation to the same height is found by the follower's poll of the head's hash.
 */
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import { createBlockTime } from '#roles/master/block-time.ts'

/** Polls a block time: a head is seen late by half of such a pause on average. */
const POLLS_PER_BLOCK = 10
/** Between two polls, whatever the block time; the longer one also where it is not known yet and nothing moves. */
const HEAD_POLL_MS_MIN = 20
const HEAD_POLL_MS_MAX = 1_000
/** Until two heads were seen. */
const HEAD_POLL_MS_FIRST = 100

export interface HeadPoll {
  readonly call: (method: string, params: readonly unknown[]) => Promise<unknown>
  /** At each answer. */
  readonly onAnswer: () => void
  /** The number moved, or was heard for the first time. */
  readonly onNews: () => void
  /** Asked after each answer. */
  readonly goOn: () => boolean
}

/** Polls at least once. @throws Fault master/client-garbled, and those of the call */
export async function pollHeads(
  { call, onAnswer, onNews, goOn }: HeadPoll,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const blockTime = createBlockTime()
  let last: number | undefined
  while (!signal.aborted) {
    const number = blockNumber(await call('eth_blockNumber', []))
    onAnswer()
    if (number !== last) {
      blockTime.headArrived(clock.nowMs(), number - (last ?? number))
      last = number
      onNews()
    }
    if (!goOn()) return
    await clock.sleep(pauseMs(blockTime.ms()), signal)
  }
}

function pauseMs(blockTimeMs: number | undefined): number {
  if (blockTimeMs === undefined) return HEAD_POLL_MS_FIRST
  return Math.min(Math.max(blockTimeMs / POLLS_PER_BLOCK, HEAD_POLL_MS_MIN), HEAD_POLL_MS_MAX)
}

function blockNumber(result: unknown): number {
  const number = typeof result === 'string' ? Number(result) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw new Fault(
    'master/client-garbled',
    `the execution client says that its block number is ${JSON.stringify(result)}`,
  )
}
