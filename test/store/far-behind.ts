/** A feed of 120 final blocks, the same in every process, and a replica on LMDB that catches up with it a few blocks at once. */
import '#test/support/core.ts'
import type { Compress } from '#ports/compress.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { type Logger, silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { Applier } from '#roles/replica/apply/applier.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { catchUp } from '#roles/replica/apply/catch-up.ts'
import type { StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { standingOf } from '#roles/replica/standing.ts'
import { Feed, headAt, partsOf } from '#roles/replica/testing/feed.ts'
import { openStore } from '#state/open-store.ts'
import { stored } from '#state/testing/stored.ts'

const BLOCKS = 120
const HORIZON_BLOCKS = 16

export async function farFeed(): Promise<Feed> {
  const feed = new Feed()
  await feed.begin()
  for (const frame of feed.branch(undefined, '', BLOCKS))
    await feed.say('m1', ...partsOf(frame), headAt(frame, frame))
  return feed
}

interface LiveParts {
  readonly startReader?: StartReader
  readonly log?: Logger
  readonly compress?: Compress
}

/** From wherever the store stands to the feed's end, tidied up. Returns how many blocks were taken at once. */
export async function live(
  feed: Pick<Feed, 'log' | 'chain'>,
  kv: KeyValue,
  blocksAtOnce: number | 'one by one',
  { startReader, log = silent, compress = stored }: LiveParts = {},
): Promise<number> {
  const { signal } = new AbortController()
  const options = {
    horizon: { kind: 'blocks', blocks: HORIZON_BLOCKS },
    verify: 'digest',
    prove: 'receipts',
  } as const
  const store = openStore(kv, { compress })
  const parts = {
    ...{ store, compress, clock: createVirtualClock(), log, moved: () => {} },
    board: createBoard(new SharedArrayBuffer(BOARD_BYTES)),
    metrics: createApplierMetrics(createMeterRegistry()),
  }
  let standing = await standingOf(store, feed.chain.genesis, feed.log, signal)
  const before = standing.heads.head.number
  if (blocksAtOnce !== 'one by one')
    standing = await catchUp(options, { ...parts, feed: feed.log, startReader }, signal, {
      blocksAtOnce,
      blocksMin: 1,
    })
  const taken = standing.heads.head.number - before
  const applier = new Applier(options, parts, standing)
  const { next } = await feed.log.bounds()
  while (applier.position() < next)
    applier.take((await feed.log.read(applier.position(), { maxBytes: 1 })).slice(0, 1))
  while (applier.tidy());
  return taken
}
