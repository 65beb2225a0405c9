/** One master following a real anvil: what the feed holds after blocks, reorganisations, restarts and failures of every kind. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DEV_ACCOUNTS, devGenesis } from '#cli/dev/genesis.ts'
import { bigintFrom, fromHex, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import type { Store } from '#state/store.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Anvil } from './anvil.ts'
import { bodiesOf, framesOf, recordsOf, wholeCounts } from './feed.ts'
import { type RunningMaster, startMaster, stored } from './one-master.ts'

const WAIT_MS = 60_000
const HISTORY_CONTRACT = '0x0000f90827f1c53a10cb7a02335b175320002935'
const [alice, bob] = DEV_ACCOUNTS
const skip = needs('anvil')
const dir = mkdtempSync(join(tmpdir(), 'drover-master-'))
const genesisText = JSON.stringify(devGenesis(1_700_000_000))
const genesisFile = join(dir, 'genesis.json')
writeFileSync(genesisFile, genesisText)
after(() => rmSync(dir, { recursive: true, force: true }))

/** An anvil, a feed and a store, with a master on them as often as the test wants one. */
class World implements AsyncDisposable {
  readonly anvil: Anvil
  readonly log: RecordLog = createMemoryRecordLog()
  readonly kv = memoryKeyValue()
  readonly #masters: RunningMaster[] = []

  private constructor(anvil: Anvil) {
    this.anvil = anvil
  }
  static async open(...args: string[]): Promise<World> {
    return new World(await Anvil.start(genesisFile, ...args))
  }
  startMaster(over: Partial<Parameters<typeof startMaster>[0]> = {}): RunningMaster {
    const log = keptOpen(this.log)
    const master = startMaster({
      ...{ url: this.anvil.webSocket, genesisText, openLog: async () => log, kv: this.kv },
      ...over,
    })
    this.#masters.push(master)
    return master
  }
  async send(value = 1): Promise<void> {
    await this.anvil.rpc('eth_sendTransaction', {
      from: alice,
      to: bob,
      value: `0x${value.toString(16)}`,
      gas: '0x5208',
    })
  }
  /** The newest head event names anvil's head. */
  async followed(): Promise<void> {
    const head = await this.anvil.block('latest')
    await waitFor(`block ${head.number} is named on the feed`, WAIT_MS, async () => {
      const events = await bodiesOf(this.log, 'headEvent')
      return events.at(-1)?.head.hash === head.hash ? true : undefined
    })
  }
  async eachBlockOnce(): Promise<void> {
    const counts = await wholeCounts(this.log)
    for (let number = 1; number <= (await this.anvil.headNumber()); number++) {
      const { hash } = await this.anvil.block(number)
      assert.equal(counts.get(hash), 1, `block ${number} is whole on the feed once`)
    }
    assert.deepEqual(
      [...counts.values()].filter((count) => count !== 1),
      [],
    )
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#masters.map((master) => master.stop()))
    await this.anvil.stop()
  }
}

/** Closing a handle does not close the log that the next master opens. */
function keptOpen(log: RecordLog, over: Partial<RecordLog> = {}): RecordLog {
  return {
    append: (records) => log.append(records),
    read: (from, options) => log.read(from, options),
    tail: (from, signal) => log.tail(from, signal),
    bounds: () => log.bounds(),
    identity: () => log.identity(),
    close: async () => {},
    ...over,
  }
}

async function stateEqualsAnvil(store: Store, anvil: Anvil): Promise<void> {
  const snapshot = store.snapshot()
  const { number } = snapshot.heads.head
  const at = `0x${number.toString(16)}`
  const view = snapshot.stateAt(number)
  const account = new Uint8Array(72)
  for (const address of [...DEV_ACCOUNTS, HISTORY_CONTRACT, `0x${'00'.repeat(20)}`]) {
    account.fill(0)
    view.account(fromHex(address), account)
    assert.equal(
      bigintFrom(account.subarray(0, 8)),
      BigInt(await anvil.rpc('eth_getTransactionCount', address, at)),
      `nonce of ${address}`,
    )
    assert.equal(
      bigintFrom(account.subarray(8, 40)),
      BigInt(await anvil.rpc('eth_getBalance', address, at)),
      `balance of ${address}`,
    )
  }
  for (let slot = 0; slot <= Math.min(number, 20); slot++) {
    const value = new Uint8Array(32)
    const key = fromHex(`0x${slot.toString(16).padStart(64, '0')}`)
    view.slot(fromHex(HISTORY_CONTRACT), key, value)
    assert.equal(
      toHex(value),
      await anvil.rpc('eth_getStorageAt', HISTORY_CONTRACT, toHex(key), at),
      `history slot ${slot}`,
    )
  }
  snapshot.release()
}

test('the feed holds the generation first, each block whole once, its head, and beats', skip, async () => {
  await using world = await World.open()
  const master = world.startMaster()
  for (let i = 1; i <= 5; i++) {
    await world.send(i)
    await world.anvil.mine()
  }
  await world.followed()
  await world.eachBlockOnce()
  const records = await recordsOf(world.log)
  assert.equal(records[0]?.body.kind, 'generation')
  assert.deepEqual(
    records.map(({ sequence }) => sequence),
    records.map((_, i) => i + 1),
  )
  const frames = await framesOf(world.log, stored)
  assert.deepEqual(
    frames.map(({ block }) => block.header.number),
    [1, 2, 3, 4, 5],
  )
  assert.ok(
    frames.every(
      ({ level, source, senders }) => level === 'receipts' && source === 'execute' && senders === 'claimed',
    ),
  )
  await waitFor('a serving beat at the head', WAIT_MS, async () =>
    (await bodiesOf(world.log, 'beat')).find(({ phase, head }) => phase === 'serving' && head.number === 5),
  )
  await stateEqualsAnvil(master.store, world.anvil)
})

test(
  'many blocks between two looks are published parents first, with a head named at least every 32',
  skip,
  async () => {
    await using world = await World.open()
    await world.anvil.rpc('anvil_mine', '0x190')
    world.startMaster()
    await world.followed()
    await world.eachBlockOnce()
    const frames = await framesOf(world.log, stored)
    assert.deepEqual(
      frames.map(({ block }) => block.header.number),
      frames.map((_, i) => i + 1),
    )
    const heads = (await bodiesOf(world.log, 'headEvent')).map(({ head }) => head.number)
    for (let i = 1; i < heads.length; i++) assert.ok((heads[i] ?? 0) - (heads[i - 1] ?? 0) <= 32)
  },
)

test('a reorganisation undoes to the common ancestor and publishes the new branch', skip, async () => {
  await using world = await World.open()
  const master = world.startMaster()
  for (let i = 1; i <= 6; i++) {
    await world.send(i)
    await world.anvil.mine()
  }
  await world.followed()
  const before = await world.anvil.block(6)
  await world.anvil.rpc('anvil_reorg', 3, [])
  await waitFor('anvil is on another branch', WAIT_MS, async () =>
    (await world.anvil.block(6)).hash !== before.hash ? true : undefined,
  )
  await world.followed()
  await world.anvil.mine()
  await world.followed()
  await stateEqualsAnvil(master.store, world.anvil)
  const counts = await wholeCounts(world.log)
  assert.equal(counts.size, 6 + 3 + 1)
  assert.ok([...counts.values()].every((count) => count === 1))
})

test('a master that was away catches up, and each block is published once', skip, async () => {
  await using world = await World.open()
  const first = world.startMaster()
  await world.anvil.mine(3)
  await world.followed()
  await first.stop()
  assert.equal((await bodiesOf(world.log, 'beat')).at(-1)?.phase, 'draining')
  await world.send()
  await world.anvil.mine(4)
  const second = world.startMaster()
  await world.followed()
  await world.eachBlockOnce()
  await stateEqualsAnvil(second.store, world.anvil)
  const epochs = new Set((await recordsOf(world.log)).map(({ epoch }) => epoch))
  assert.deepEqual([...epochs], [1, 2])
})

test('a lost store is made again from the client, and nothing is published twice', skip, async () => {
  await using world = await World.open()
  const first = world.startMaster()
  await world.anvil.mine(4)
  await world.followed()
  await first.stop()
  const second = world.startMaster({ kv: memoryKeyValue() })
  await waitFor('the new store is at the head', WAIT_MS, () =>
    second.follower.phase() === 'serving' ? true : undefined,
  )
  await world.anvil.mine(1)
  await world.followed()
  await world.eachBlockOnce()
  await stateEqualsAnvil(second.store, world.anvil)
})

for (const [what, done] of [
  ['after', 'all'],
  ['before', 'none'],
  ['in the middle of', 'some'],
] as const)
  test(
    `an append whose answer was lost ${what} its records were written leaves each block whole once`,
    skip,
    async () => {
      await using world = await World.open()
      let failures = 3
      const append = async (records: readonly Uint8Array[]): Promise<readonly number[]> => {
        if (records.length < 2 || failures-- <= 0) return world.log.append(records)
        const written = { all: records, none: [], some: records.slice(0, 1) }[done]
        if (written.length > 0) await world.log.append(written)
        throw new Fault('feed/append-unknown', 'the answer was lost')
      }
      world.startMaster({ openLog: async () => keptOpen(world.log, { append }) })
      await world.anvil.mine(3)
      await world.followed()
      await world.anvil.mine(2)
      await world.followed()
      assert.ok(failures < 3, 'appends failed')
      await world.eachBlockOnce()
    },
  )

test('a block that was executed but never published is published by the next life', skip, async () => {
  await using world = await World.open()
  let silence = false
  const never = new Promise<readonly number[]>(() => {})
  const append = (records: readonly Uint8Array[]) => (silence ? never : world.log.append(records))
  const first = world.startMaster({ openLog: async () => keptOpen(world.log, { append }) })
  await world.anvil.mine(2)
  await world.followed()
  silence = true
  await world.anvil.mine(3)
  await waitFor('the store is ahead of the feed', WAIT_MS, () => {
    const snapshot = first.store.snapshot()
    const { number } = snapshot.heads.head
    snapshot.release()
    return number === 5 ? true : undefined
  })
  await first.stop()
  assert.equal((await wholeCounts(world.log)).size, 2)
  world.startMaster()
  await world.followed()
  await world.eachBlockOnce()
})

test('the client is killed and comes back with its chain; the master goes on', skip, async () => {
  await using world = await World.open()
  const master = world.startMaster()
  await world.send()
  await world.anvil.mine(3)
  await world.followed()
  const saved = await world.anvil.rpc('anvil_dumpState', true)
  await world.anvil.stop()
  await waitFor('the master says that it has no client', WAIT_MS, async () =>
    (await bodiesOf(world.log, 'beat')).at(-1)?.phase === 'syncing' ? true : undefined,
  )
  await world.anvil.start() // for a moment its head is block 0 again
  await world.anvil.rpc('anvil_loadState', saved)
  await world.anvil.mine(2)
  await world.followed()
  await stateEqualsAnvil(master.store, world.anvil)
  await world.eachBlockOnce()
})

test('a client that lost its newest blocks does not drag the master back', skip, async () => {
  await using world = await World.open()
  const master = world.startMaster()
  await world.anvil.mine(2)
  const saved = await world.anvil.rpc('evm_snapshot')
  await world.anvil.mine(3)
  await world.followed()
  await world.anvil.rpc('evm_revert', saved)
  await waitFor('the older head is named', WAIT_MS, async () =>
    (await bodiesOf(world.log, 'headEvent')).at(-1)?.head.number === 2 ? true : undefined,
  )
  const snapshot = master.store.snapshot()
  assert.equal(snapshot.heads.head.number, 5)
  snapshot.release()
})

test('of two masters with one id the older ends and says why', skip, async () => {
  await using world = await World.open()
  const first = world.startMaster()
  await world.anvil.mine()
  await world.followed()
  world.startMaster({ kv: memoryKeyValue() })
  await assert.rejects(first.ended, { code: 'master/duplicate-id' })
})

test('two masters on an empty feed agree on the first generation', skip, async () => {
  await using world = await World.open()
  world.startMaster()
  world.startMaster({ id: 'm2', kv: memoryKeyValue() })
  await world.anvil.mine(3)
  await world.followed()
  const clusters = (await recordsOf(world.log))
    .filter(({ body }) => body.kind !== 'generation')
    .map(({ cluster }) => cluster)
  assert.equal(new Set(clusters).size, 1)
})

test('a client of another chain is refused, naming both', skip, async () => {
  await using world = await World.open()
  const other = JSON.stringify(devGenesis(1_600_000_000))
  const master = world.startMaster({ genesisText: other })
  await assert.rejects(master.ended, {
    code: 'master/foreign-client',
    message: /with genesis 0x.*with genesis 0x/,
  })
})

async function refusedAfter(world: World, master: RunningMaster): Promise<void> {
  await waitFor('the refusal is counted', WAIT_MS, () =>
    /refused_blocks_total 1$/m.test(master.metrics) ? true : undefined,
  )
  await waitFor('the beat says so', WAIT_MS, async () =>
    (await bodiesOf(world.log, 'beat')).at(-1)?.phase === 'syncing' ? true : undefined,
  )
  assert.equal((await wholeCounts(world.log)).size, 1)
}

test('a block that does not follow from its parent by the rules is not published', skip, async () => {
  await using world = await World.open()
  const master = world.startMaster()
  await world.anvil.mine()
  await world.followed()
  const tooMuch = '0xffffffffffffffffffff' // more than alice has by any block
  await world.anvil.rpc('anvil_setBalance', alice, `${tooMuch}ff`)
  await world.anvil.rpc('eth_sendTransaction', { from: alice, to: bob, value: tooMuch, gas: '0x5208' })
  await world.anvil.mine()
  await refusedAfter(world, master)
})

test('a block with a transaction that nobody signed is not published', skip, async () => {
  await using world = await World.open()
  const master = world.startMaster()
  await world.anvil.mine()
  await world.followed()
  const nobody = `0x${'77'.repeat(20)}`
  await world.anvil.rpc('anvil_setBalance', nobody, '0xde0b6b3a7640000')
  await world.anvil.rpc('anvil_impersonateAccount', nobody)
  await world.anvil.rpc('eth_sendTransaction', { from: nobody, to: bob, value: '0x1', gas: '0x5208' })
  await world.anvil.mine()
  await refusedAfter(world, master)
})
