/** Limits of a gateway that are no option: what its parts read and what `drover config show` shows. */
import type { LimitTable } from '#kernel/limit.ts'
import * as served from '#protocol/head/served-head.ts'
import { COLLECTED_BYTES_MAX } from '#wire/link-answer.ts'

export const gatewayLimits = {
  waitTimeMaxMs: {
    value: 500, // architecture §9
    unit: 'ms',
    what: 'time that a request waits for a head, a holder, or what is not served yet',
    over: 'refused with -32005 and 503',
  },
  headPatienceMaxMs: {
    value: served.PATIENCE_MS_MAX,
    unit: 'ms',
    what: 'time that a head which one replica has waits for half of them: a quarter of the learned block time, at least 25 ms, at most this',
    over: 'it is served by those that have it',
  },
  linkSilenceMaxMs: {
    value: served.SILENT_MS, // three heartbeats of a link
    unit: 'ms',
    what: 'time without a word of a replica',
    over: 'it is asked nothing until it speaks again',
  },
  feedEndAskAgainMs: {
    value: served.ASK_AGAIN_MS,
    unit: 'ms',
    what: "time that a starting gateway waits for a replica to tell the feed's end",
    over: 'it asks again; nothing is served before',
  },
  bodiesBytesMax: {
    value: 64 * 1024 * 1024,
    unit: 'bytes',
    what: 'bodies of all requests that were let in',
    over: 'refused with -32005 and 503',
  },
  glanceBytesMax: {
    value: 64 * 1024, // one piece of the link
    unit: 'bytes',
    what: 'body that is sent on to a replica after a glance at the names of its methods',
    over: 'it is read at the gateway first',
  },
  attemptsMax: {
    value: 16,
    unit: 'attempts',
    what: 'attempts of one request, over all heads that it was bound to',
    over: 'refused with -32005 and 503',
  },
  linkRequestsMax: {
    value: 1_000, // below the replica's own limit, so that a crowd is refused here without a round trip
    unit: 'requests',
    what: 'requests under way at one replica',
    over: 'another replica is asked, or refused with -32005 and 503',
  },
  linkCollectedBytesMax: {
    value: COLLECTED_BYTES_MAX,
    unit: 'bytes',
    what: 'unfinished answers of one replica together',
    over: 'the connection to it is made anew',
  },
  keptChunksMax: {
    value: 512, // 16 MiB
    unit: 'chunks',
    what: 'chunks of 32 KiB kept for the answers to come',
    over: 'they are left to the garbage collector',
  },
  linkConnectTimeMaxMs: {
    value: 1_000,
    unit: 'ms',
    what: 'time to connect to a replica',
    over: 'it is tried again with growing pauses',
  },
  linkHelloTimeMaxMs: {
    value: 2_000,
    unit: 'ms',
    what: 'time in which a replica must say who it is',
    over: 'the connection is made anew',
  },
  linkDrainTimeMaxMs: {
    value: 30_000, // longer than a replica drains
    unit: 'ms',
    what: 'time in which a draining replica must have answered what it was asked',
    over: 'the connection is closed, and another replica is asked',
  },
  forwardsMax: {
    value: 16,
    unit: 'calls',
    what: 'calls of one body that are passed to a master at once',
    over: 'they wait their turn',
  },
  forwardAnswerBytesMax: {
    value: 25 * 1024 * 1024, // geth's limit for a batch; a single answer is smaller
    unit: 'bytes',
    what: "a master's answer to one call",
    over: 'another master is asked',
  },
  keptTransactionsMax: {
    value: 1_024,
    unit: 'transactions',
    what: 'transactions kept to be sent again until a block has them',
    over: 'the oldest is forgotten',
  },
  keptTransactionsBytesMax: {
    value: 16 * 1024 * 1024,
    unit: 'bytes',
    what: 'the same, in bytes',
    over: 'the oldest is forgotten',
  },
  keptTransactionTimeMaxMs: {
    value: 30 * 60_000,
    unit: 'ms',
    what: 'time that a transaction is kept',
    over: 'it is forgotten',
  },
} as const satisfies LimitTable
