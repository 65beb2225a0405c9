/**
 * P5, nothing lost and nothing twice: what was promised to be on the feed is there and has not changed (the feed watch says that during the
 * run); a transaction that was taken has reached a client; a replica's store equals one that is built from the feed in one go without a single fault, table by table.
 */
import type { Genesis } from '#chain/fork/genesis.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import { silent } from '#ports/logger.ts'
import { createFeedMachine } from '#protocol/feed/machine.ts'
import { Applier } from '#roles/replica/apply/applier.ts'
import { createApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { encodeFeedState } from '#roles/replica/apply/feed-state.ts'
import { SideShelf } from '#roles/replica/apply/side-shelf.ts'
import { uncounted } from '#sim/world/meter.ts'
import { stored } from '#sim/storage/stored.ts'
import type { StoreIdentity } from '#state/identity.ts'
import { openStore } from '#state/open-store.ts'
import { comparable, type Dump, dumpTables } from '#state/testing/dump.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { decodeRecord } from '#wire/record.ts'
import type { Checker, CheckerParts } from './checker.ts'

export function createNothingLostChecker({ world, cluster }: CheckerParts, genesis: Genesis): Checker {
  const wrong = (what: string): void => world.violate('P5', what)
  return {
    answered({ exchange, items }) {
      for (const [i, question] of exchange.questions.entries()) {
        const item = items[i]
        if (question.kind !== 'send' || item === undefined || 'error' in item) continue
        if (item.result !== question.transaction)
          wrong(`${exchange.user} sent ${question.transaction} and was told ${String(item.result)}`)
        if (!cluster.clients.some(({ client }) => client.took(question.transaction)))
          wrong(`${exchange.user} was told that ${question.transaction} is taken, and no client has it`)
      }
    },
    ended() {
      const records = cluster.watch.records()
      const promised = cluster.watch.promisedNext()
      if (records.length < promised)
        return wrong(
          `position ${promised - 1} of the feed was promised, and the feed ends at ${records.length}`,
        )
      const [first] = cluster.replicas
      const identity = first && openStore(first.disk.kv, { compress: stored }).identity()
      if (identity === undefined) return wrong('a replica has no store')
      const anew = (trie: boolean): ReturnType<typeof comparable> | undefined =>
        cluster.replicas.some((replica) => replica.trie === trie)
          ? comparable(builtAnew(records, identity, { genesis, trie, horizonBlocks: cluster.horizonBlocks }))
          : undefined
      const [plain, proven] = [anew(false), anew(true)]
      for (const { process, disk, trie } of cluster.replicas) {
        const own = comparable(dumpTables(disk.kv))
        const fresh = (trie ? proven : plain) as typeof own
        for (const table of Object.keys(fresh) as (keyof typeof fresh)[]) {
          const difference = firstDifference(own[table], fresh[table])
          if (difference !== undefined) return wrong(`${process.name}: table ${table} ${difference}`)
        }
      }
    },
  }
}

function firstDifference(own: readonly string[], fresh: readonly string[]): string | undefined {
  const i = Array.from({ length: Math.max(own.length, fresh.length) }).findIndex(
    (_, at) => own[at] !== fresh[at],
  )
  if (i < 0) return undefined
  return `differs at row ${i} of ${own.length} and ${fresh.length}: ${own[i] ?? 'nothing'} in place of ${fresh[i] ?? 'nothing'}`
}

function builtAnew(
  records: readonly LogRecord[],
  identity: StoreIdentity,
  { genesis, trie, horizonBlocks }: { genesis: Genesis; trie: boolean; horizonBlocks: number },
): Dump {
  const kv = memoryKeyValue()
  const store = openStore(kv, { compress: stored, trie })
  const [beginning] = records
  assert(beginning !== undefined, 'a feed has a beginning')
  const { body } = decodeRecord(beginning.bytes)
  assert(body.kind === 'generation', 'a feed begins with its generation')
  store.initialise(identity, { ...genesis, header: headerFromRlp(body.baseHeader) })
  const machine = createFeedMachine()
  machine.step(0, decodeRecord(beginning.bytes))
  store.commit((writer) =>
    writer.setMachine(
      1,
      encodeFeedState({ decidedAt: 0, lastDigest: keccak256(beginning.bytes), machine: machine.encode() }),
    ),
  )
  const snapshot = store.snapshot()
  const { sequence, heads, historyFrom, indexed } = snapshot
  const shelf = new SideShelf(snapshot, [], machine.unfinished())
  snapshot.release()
  // A clock that passes an hour at each look: nothing is held back.
  let nowMs = 0
  const clock = {
    nowMs: () => (nowMs += 3_600_000),
    wallMs: () => 0,
    after: () => ({ cancel: () => {} }),
    sleep: () => Promise.resolve(),
  }
  const applier = new Applier(
    { horizon: { kind: 'blocks', blocks: horizonBlocks }, verify: 'digest', prove: 'receipts' },
    {
      store,
      board: createBoard(new SharedArrayBuffer(BOARD_BYTES)),
      compress: stored,
      clock,
      log: silent,
      metrics: createApplierMetrics(uncounted),
      moved: () => {},
    },
    { machine, shelf, position: 1, decidedAt: 0, sequence, heads, historyFrom, indexed },
  )
  applier.take(records.slice(1))
  applier.flush()
  while (applier.tidy()) continue
  return dumpTables(kv)
}
