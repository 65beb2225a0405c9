/** Limits of a master that are no option: what its parts read and what `drover config show` shows. */
import type { LimitTable } from '#kernel/limit.ts'
import * as publishing from '#protocol/feed/publishing.ts'
import * as client from './client/client-limits.ts'

export const masterLimits = {
  importAheadBlocksMax: {
    value: 64,
    unit: 'blocks',
    what: 'blocks of a chain file read ahead of the one that is executed',
    over: 'reading waits',
  },
  importAheadBytesMax: {
    value: 32 * 1024 * 1024,
    unit: 'bytes',
    what: 'the same in bytes, at least one block',
    over: 'reading waits',
  },
  clientCallsMax: {
    value: client.CALLS_IN_FLIGHT_MAX,
    unit: 'calls',
    what: 'calls of the execution client in flight',
    over: 'further ones wait',
  },
  clientCallsWaitingMax: {
    value: client.CALLS_WAITING_MAX,
    unit: 'calls',
    what: 'calls that wait for the execution client',
    over: 'refused (`master/client-busy`)',
  },
  clientAnswerBytesMax: {
    value: client.RESPONSE_BYTES_MAX,
    unit: 'bytes',
    what: "the execution client's answer to one call",
    over: 'the call fails, and is tried again where it must succeed',
  },
  clientConnectTimeMaxMs: {
    value: client.CONNECT_TIMEOUT_MS,
    unit: 'ms',
    what: 'time to connect to the execution client',
    over: 'it is tried again with growing pauses',
  },
  forwardBodyBytesMax: {
    value: 4 * 1024 * 1024, // a raw transaction with blobs is under 3 MB as hex
    unit: 'bytes',
    what: 'body of a request to the forward port',
    over: 'refused with 413',
  },
  forwardBatchCallsMax: {
    value: 100,
    unit: 'calls',
    what: 'calls of one batch at the forward port',
    over: 'the batch is refused with -32600',
  },
  forwardRequestsMax: {
    value: 256,
    unit: 'requests',
    what: 'requests of the forward port at once',
    over: 'refused with 503 and -32005',
  },
  beatPauseMinMs: {
    value: 50,
    unit: 'ms',
    what: 'least time between two beats: half a learned block time, at least this, at most --beat-interval',
    over: 'beats are no closer, however short the block time',
  },
  pollPauseMinMs: {
    value: 100,
    unit: 'ms',
    what: 'least time between two looks at the head, safe and finalized of the client: half a learned block time, at least this, at most --beat-interval',
    over: 'they are no closer, however short the block time',
  },
  walkBlocksMax: {
    value: 4_096, // deeper than any horizon of undoing
    unit: 'blocks',
    what: 'the longest branch that is walked by parents',
    over: 'the client is refused (`master/foreign-chain`)',
  },
  aheadBlocksMax: {
    value: 8,
    unit: 'blocks',
    what: 'whole blocks fetched ahead of the one that is executed',
    over: 'fetching waits',
  },
  refusedBlocksMax: {
    value: 64,
    unit: 'blocks',
    what: 'refused blocks that are remembered',
    over: 'all are forgotten',
  },
  indexedBlocksMax: {
    value: 1_048_576,
    unit: 'blocks',
    what: 'settled blocks whose place on the feed is remembered',
    over: 'a master further behind asks its client for the older ones',
  },
  keptIndexBlocksMax: {
    value: 65_536,
    unit: 'blocks',
    what: 'settled blocks whose place on the feed is remembered over a restart',
    over: 'a master further behind asks its client for the older ones',
  },
  checkpointEveryMs: {
    value: 30_000,
    unit: 'ms',
    what: 'time between two checkpoints of what a master has read of the feed',
    over: 'a master that is killed reads again what came since',
  },
  feedReadBytesMax: {
    value: 4 * 1024 * 1024,
    unit: 'bytes',
    what: 'records read back from the feed in one piece, and at most one record more',
    over: 'a further piece',
  },
  queuedFramesMax: {
    value: publishing.FRAMES_MAX,
    unit: 'blocks',
    what: 'frames executed and not yet on the feed',
    over: 'executing waits',
  },
  appendBytesMax: {
    value: publishing.APPEND_BYTES_MAX,
    unit: 'bytes',
    what: 'frames of one append, at least one frame',
    over: 'a further append',
  },
  maintenanceAlarmTimeMaxMs: {
    value: 7 * 24 * 3_600_000,
    unit: 'ms',
    what: 'time after which a maintenance that goes on may raise its alarm',
    over: 'the request is refused; a lease never ends by itself',
  },
  maintenanceUnheardTimeMaxMs: {
    value: 10_000, // drover maintain asks each second
    unit: 'ms',
    what: 'time in which whoever was granted maintenance must be heard, and again and again where its master was restarted meanwhile',
    over: 'the master serves as soon as its client does, which ends the lease',
  },
  flushLookEveryMs: {
    value: 10_000,
    unit: 'ms',
    what: "time between two looks at the client's flush interval (--flush-every)",
    over: 'a client that was restarted flushes on its own until then',
  },
  flushAskAgainMs: {
    value: 2_000,
    unit: 'ms',
    what: 'time after which a flush that was refused is asked for again',
    over: 'it is asked again',
  },
  flushAlarmTimeMs: {
    value: 3_600_000,
    unit: 'ms',
    what: 'time after which a flush that goes on raises the alarm of maintenance',
    over: 'the alarm is raised; the flush goes on',
  },
  peerLookEveryMs: {
    value: 2_000,
    unit: 'ms',
    what: "time between two looks at the client's peers (--peer-clients)",
    over: 'a client that was restarted is without them until then',
  },
  engineBehindMinMs: {
    value: 2_000,
    unit: 'ms',
    what: 'time that the blocks took which a client is behind the feed, more than 3 of them, before it is given them (--engine)',
    over: 'it is given them',
  },
  engineOwnStoreTimeMaxMs: {
    value: 30_000,
    unit: 'ms',
    what: 'time that giving a client a block waits for its parent in the own store, where only executing the block tells its requests',
    over: "it is tried again from the client's head",
  },
  maintenanceWordsMax: {
    value: 16,
    unit: 'records',
    what: "operators' words that wait for the feed",
    over: 'the request is refused',
  },
} as const satisfies LimitTable
