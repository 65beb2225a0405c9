/** A production replica: applier and answer threads, with message ports between them, over a store that outlives it. */
import type { Genesis } from '#chain/fork/genesis.ts'
import type { Prng } from '#kernel/prng.ts'
import { openRemoteRecordLog } from '#ports/record-log/remote-record-log.ts'
import { openScope } from '#ports/scope.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { joinAnswerers } from '#roles/replica/answer/answerers.ts'
import { type AnswererAsks, type ApplierNews, BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { followFeed } from '#roles/replica/apply/follow-feed.ts'
import { startServing } from '#roles/replica/answer/serving.ts'
import { mailboxPair } from '#sim/net/mailbox.ts'
import type { Network } from '#sim/net/network.ts'
import { createTransport } from '#sim/net/transport.ts'
import type { StoreDisk, StoreFaults } from '#sim/storage/key-value.ts'
import { stored } from '#sim/storage/stored.ts'
import { uncounted } from '#sim/world/meter.ts'
import type { Program } from '#sim/world/life.ts'
import { openStore } from '#state/open-store.ts'
import { streamAddress } from '#wire/link.ts'
import { FEED, linkAddress } from './addresses.ts'
import { untilStopped } from './until-stopped.ts'

export interface ReplicaParts {
  /** Keeps a state trie. */
  readonly trie: boolean
  /** Answer threads. */
  readonly streams: number
  readonly horizonBlocks: number
  readonly genesis: Genesis
  readonly network: Network
  readonly disk: StoreDisk
  readonly faults: StoreFaults
  readonly random: Prng
}

/** Few enough that some switches take several transactions. */
const COMMIT_ROWS_MAX = 60
const CALL_GAS_MAX = 1_000_000
const CALL_TIME_MAX_MS = 1_000
/** Few enough that entries are dropped. */
const CACHE_BYTES = 64 * 1024
const BODY_BYTES_MAX = 64 * 1024
const CLIENT_REQUESTS_MAX = 64

export function replicaProgram(parts: ReplicaParts): Program {
  const { genesis, network } = parts
  return async (life) => {
    const { clock, log } = life
    const id = life.name
    const scope = openScope(id)
    const transport = createTransport(life, network)
    const kv = parts.disk.open(life, parts.faults, parts.random)
    const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
    const answerers = joinAnswerers()
    scope.spawn('follow the feed', (signal) =>
      followFeed(
        {
          horizon: { kind: 'blocks', blocks: parts.horizonBlocks },
          staleAfterMs: 300_000,
          verify: 'strict',
          prove: 'receipts',
          commitRowsMax: COMMIT_ROWS_MAX,
        },
        {
          store: openStore(kv, { compress: stored, trie: parts.trie }),
          board,
          compress: stored,
          clock,
          log,
          metrics: createApplierMetrics(uncounted),
          genesis,
          openLog: () => openRemoteRecordLog(FEED, transport),
          answerers: answerers.all,
        },
        signal,
      ),
    )
    const serve = (thread: number): Promise<unknown> => {
      const [applierEnd, answererEnd] = mailboxPair<ApplierNews, AnswererAsks>(life)
      answerers.add(applierEnd)
      return startServing(
        {
          id,
          link: streamAddress(linkAddress(id), thread),
          streams: parts.streams,
          clientVersion: 'drover/simulated',
          serve: 'eager',
          callGasMax: CALL_GAS_MAX,
          callTimeMaxMs: CALL_TIME_MAX_MS,
          cacheBytes: CACHE_BYTES,
          bodyBytesMax: BODY_BYTES_MAX,
          clientRequestsMax: CLIENT_REQUESTS_MAX,
        },
        {
          openStore: () => openStore(kv, { compress: stored }),
          genesis,
          board,
          applier: answererEnd,
          transport,
          clock,
          log,
          meter: uncounted,
          renderMetrics: () => uncounted.render(),
        },
        scope,
      )
    }
    for (let thread = 0; thread < parts.streams; thread++) await serve(thread)
    await Promise.race([untilStopped(life.signal), scope.failed])
    await scope.close()
  }
}
