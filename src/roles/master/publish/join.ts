/**
 * A starting master takes its place on the feed: reads it to its end, takes the next epoch of its id, and adopts the feed's generation,
 * or writes it where the feed is empty. Of two that write it at once the first counts for both. Nothing else is published before.
 */
import type { Genesis } from '#chain/fork/genesis.ts'
import { refOf } from '#chain/block/frame.ts'
import { toHex } from '#kernel/bytes.ts'
import { assert } from '#kernel/assert.ts'
import { Fault } from '#kernel/fault.ts'
import type { Random } from '#ports/random.ts'
import type { Generation } from '#protocol/feed/frames/records.ts'
import { encodeRecord } from '#wire/record.ts'
import type { FeedLink } from './feed-link.ts'
import type { Identified } from '#roles/master/client/identify.ts'
import type { ReadBack } from './read-back.ts'
import type { StoreIdentity } from '#state/identity.ts'

const CLUSTER_ID_BYTES = 8

/** @throws Fault master/foreign-generation, master/foreign-cluster, and those of the log */
export async function joinFeed(
  options: { readonly cluster: string | undefined },
  {
    link,
    readBack,
    genesis,
    identified,
    random,
  }: {
    readonly link: FeedLink
    readonly readBack: ReadBack
    readonly genesis: Genesis
    readonly identified: Identified
    readonly random: Random
  },
): Promise<StoreIdentity> {
  const ours = generationOf(genesis, identified)
  if (readBack.generation() === undefined) {
    const cluster = options.cluster ?? toHex(random.bytes(CLUSTER_ID_BYTES)).slice(2)
    await link.append([encodeRecord(readBack.envelope(ours, cluster))])
    await link.readToEnd()
  }
  const found = readBack.generation()
  assert(found !== undefined, 'an appended generation is read back')
  refuseForeign(found.body, ours)
  if (options.cluster !== undefined && options.cluster !== found.cluster)
    throw new Fault(
      'master/foreign-cluster',
      `the feed belongs to cluster ${found.cluster}, not to ${options.cluster}`,
      {
        feed: found.cluster,
        wanted: options.cluster,
      },
    )
  return {
    cluster: found.cluster,
    chainId: ours.chainId,
    genesisHash: ours.genesisHash,
    generation: found.body.generation,
    feed: link.identity,
  }
}

function generationOf(genesis: Genesis, { baseHeader }: Identified): Generation {
  return {
    kind: 'generation',
    chainId: genesis.config.chainId,
    genesisHash: baseHeader.hash,
    generation: 1,
    base: refOf(baseHeader),
    baseHeader: baseHeader.rlp,
    baseStateRoot: toHex(genesis.header.stateRoot),
    settings: { agree: 1 },
  }
}

function refuseForeign(found: Generation, ours: Generation): void {
  for (const field of ['chainId', 'genesisHash', 'baseStateRoot'] as const) {
    if (found[field] === ours[field]) continue
    throw new Fault(
      'master/foreign-generation',
      `the feed belongs to ${field} ${found[field]}, this master's client and genesis file to ${ours[field]}: give this chain a feed of its own`,
      { field, feed: String(found[field]), own: String(ours[field]) },
    )
  }
  if (found.base.hash !== ours.base.hash)
    throw new Fault(
      'master/foreign-generation',
      'the feed begins at a snapshot, which this version cannot start from',
      {
        base: found.base.number,
      },
    )
}
