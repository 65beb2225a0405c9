/** What must hold of a cluster after whatever was done to it: it goes on, every block is on the feed once, replicas are exact to the row. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { DEV_ACCOUNTS } from '#cli/dev/genesis.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import { comparable, dumpTables } from '#state/testing/dump.ts'
import type { Cluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'
import { decodeRecord } from '#wire/record.ts'

const RETURN_MS = 60_000
/** At stores that are being tidied up. */
const LOOKS_MAX = 60
const LOOK_EVERY_MS = 500

type Dumped = ReturnType<typeof comparable>

export async function grows(url: string, blocks: number): Promise<void> {
  const number = async (): Promise<number> => Number(await result(url, 'eth_blockNumber'))
  const from = await waitFor(`an answer at ${url}`, RETURN_MS, number)
  await waitFor(`${blocks} more blocks at ${url}`, RETURN_MS, async () =>
    (await number()) >= from + blocks ? true : undefined,
  )
}

export async function eachBlockOnce(cluster: Cluster): Promise<void> {
  assert.deepEqual(
    [...(await framesOf(cluster))].filter(([, times]) => times !== 1),
    [],
  )
}

/** How often each block is whole on the feed, by hash; every number up to the highest is there. */
export async function framesOf(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const log = await cluster.openFeed()
  const { next } = await log.bounds()
  const whole = new Map<string, number>()
  const numbers = new Set<number>()
  for (let at = 0; at < next; ) {
    const records = await log.read(at, { maxBytes: 1e6 })
    for (const { bytes } of records) {
      const { body } = decodeRecord(bytes)
      if (body.kind !== 'framePart' || body.index !== body.count - 1) continue
      whole.set(body.block.hash, (whole.get(body.block.hash) ?? 0) + 1)
      numbers.add(body.block.number)
    }
    at += records.length
  }
  await log.close()
  const highest = Math.max(...numbers)
  for (let number = 1; number <= highest; number++)
    assert.ok(numbers.has(number), `block ${number} is on the feed`)
  return whole
}

export async function likeFromScratch(cluster: Cluster, genesisFile: string): Promise<void> {
  const data = join(cluster.dir, 'scratch')
  const scratch = new DroverProcess(
    'replica',
    ...['--id', 'scratch', '--genesis', genesisFile, '--feed', cluster.feedAddress, '--data', data],
    ...['--port', '0', '--link', `unix:${join(cluster.dir, 'scratch.sock')}`, '--log-format', 'people'],
  )
  await scratch.start()
  await waitFor('the new replica at the end of the feed', RETURN_MS, () =>
    scratch.log.includes('at the end of the feed') ? true : undefined,
  )
  const dump = async (dir: string) => {
    const kv = openLmdb({ path: join(dir, 'store'), mode: 'reader', durable: false })
    try {
      return comparable(dumpTables(kv))
    } finally {
      await kv.close()
    }
  }
  const names = cluster.replicas.map((_, i) => `r${i + 1}`)
  const dumps = (): Promise<readonly Dumped[]> =>
    Promise.all([data, ...names.map((name) => join(cluster.dir, name))].map(dump))
  // What is below the horizon goes, and logs are indexed, when there is nothing else to do.
  let [expected, ...found] = await dumps()
  for (let looks = 0; looks < LOOKS_MAX && !found.every((one) => isDeepStrictEqual(one, expected)); looks++) {
    await sleep(LOOK_EVERY_MS)
    ;[expected, ...found] = await dumps()
  }
  await scratch.stop()
  assert.ok(expected !== undefined && expected.accounts.length > 0 && expected.headers.length > 10)
  for (const [i, one] of found.entries())
    for (const table of Object.keys(one) as (keyof Dumped)[])
      assert.deepEqual(one[table], expected[table], `${table} of ${names[i]}`)
}

/** Of a chain that stands still: compares each replica's head and accounts with the client's. */
export async function exactReplicas(
  cluster: Cluster,
  client: { readonly http: string },
  accounts: readonly string[] = DEV_ACCOUNTS,
): Promise<void> {
  const block = (await result(client.http, 'eth_getBlockByNumber', ['latest', false])) as {
    readonly number: string
    readonly hash: string
  }
  for (const { url } of cluster.replicas) {
    await waitFor(`${url} at ${block.number}`, RETURN_MS, async () => {
      const latest = (await result(url, 'eth_getBlockByNumber', ['latest', false])) as { hash: string }
      return latest.hash === block.hash ? true : undefined
    })
    for (const account of accounts) {
      for (const method of ['eth_getBalance', 'eth_getTransactionCount']) {
        assert.equal(
          await result(url, method, [account, 'latest']),
          await result(client.http, method, [account, 'latest']),
          `${method} ${account}`,
        )
      }
    }
  }
}
