/** Two masters beside one real anvil, on one feed: who publishes what. Time stands still unless a test moves it, so a grace ends only on purpose. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { devGenesis } from '#cli/dev/genesis.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { GRACE_MS_MIN } from '#protocol/feed/grace.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'
import { Anvil } from './anvil.ts'
import { recordsOf } from './feed.ts'
import { type RunningMaster, startMaster } from './one-master.ts'

const WAIT_MS = 60_000
const skip = needs('anvil')
const dir = mkdtempSync(join(tmpdir(), 'drover-masters-'))
const genesisText = JSON.stringify(devGenesis(1_700_000_000))
const genesisFile = join(dir, 'genesis.json')
writeFileSync(genesisFile, genesisText)
after(() => rmSync(dir, { recursive: true, force: true }))

class Pair implements AsyncDisposable {
  readonly anvil: Anvil
  readonly log: RecordLog = createMemoryRecordLog()
  readonly clock = createVirtualClock()
  readonly masters = new Map<string, RunningMaster>()
  /** Their appends are never answered: they live, but say nothing more. */
  readonly mute = new Set<string>()

  private constructor(anvil: Anvil) {
    this.anvil = anvil
  }
  /** m1 leads at block 1; m2 has caught up with it. */
  static async open(): Promise<Pair> {
    const pair = new Pair(await Anvil.start(genesisFile))
    pair.start('m1')
    await pair.mine('m1')
    pair.start('m2')
    await pair.serves('m2')
    await pair.names('m2')
    return pair
  }

  start(id: string): void {
    const log: RecordLog = {
      ...this.log,
      append: (records) => (this.mute.has(id) ? new Promise(() => {}) : this.log.append(records)),
      close: async () => {},
    }
    const { clock } = this
    const plan = { url: this.anvil.webSocket, genesisText, kv: memoryKeyValue(), id, clock }
    this.masters.set(id, startMaster({ ...plan, openLog: async () => log }))
  }
  async mine(...namedBy: string[]): Promise<void> {
    await this.anvil.mine()
    for (const id of namedBy) await this.names(id)
  }
  async names(id: string): Promise<void> {
    const { hash, number } = await this.anvil.block('latest')
    await waitFor(`${id} names block ${number}`, WAIT_MS, async () =>
      (await recordsOf(this.log)).find(
        ({ producer, body }) => producer === id && body.kind === 'headEvent' && body.head.hash === hash,
      ),
    )
  }
  async serves(id: string): Promise<void> {
    await waitFor(`${id} serves`, WAIT_MS, async () =>
      (await recordsOf(this.log)).find(
        ({ producer, body }) => producer === id && body.kind === 'beat' && body.phase === 'serving',
      ),
    )
  }
  /** `number by producer`, in the order of the feed. */
  async published(): Promise<string[]> {
    return (await recordsOf(this.log)).flatMap(({ producer, body }) =>
      body.kind === 'framePart' && body.index === body.count - 1
        ? [`${body.block.number} by ${producer}`]
        : [],
    )
  }
  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = Promise.allSettled([...this.masters.values()].map((master) => master.stop()))
    await this.clock.advance(10_000) // the farewell of a mute one
    await stopped
    await this.anvil.stop()
  }
}

test('the leader publishes each block, the other names it once it has read it back', skip, async () => {
  await using pair = await Pair.open()
  for (let i = 0; i < 5; i++) await pair.mine('m1', 'm2')
  assert.deepEqual(
    await pair.published(),
    [1, 2, 3, 4, 5, 6].map((number) => `${number} by m1`),
  )
  assert.match(pair.masters.get('m2')?.metrics ?? '', /suppressed_frames_total 5$/m)
})

test(
  'a leader that stops says so, and the other publishes the next block without waiting',
  skip,
  async () => {
    await using pair = await Pair.open()
    await pair.masters.get('m1')?.stop()
    await pair.mine('m2')
    await pair.mine('m2')
    assert.deepEqual(await pair.published(), ['1 by m1', '2 by m2', '3 by m2'])
  },
)

test(
  'a leader that is stuck is waited for once: after a grace the other publishes, and leads',
  skip,
  async () => {
    await using pair = await Pair.open()
    pair.mute.add('m1')
    await pair.mine()
    await waitFor('m2 leaves block 2 to the leader', WAIT_MS, () =>
      /grace_waits_total 1$/m.test(pair.masters.get('m2')?.metrics ?? '') ? true : undefined,
    )
    assert.deepEqual(await pair.published(), ['1 by m1'])
    await pair.clock.advance(GRACE_MS_MIN)
    await pair.names('m2')
    await pair.mine('m2')
    assert.deepEqual(await pair.published(), ['1 by m1', '2 by m2', '3 by m2'])
  },
)

test('a new master catches up by reading back, and publishes nothing', skip, async () => {
  await using pair = await Pair.open()
  for (let i = 0; i < 3; i++) await pair.mine('m1', 'm2')
  pair.start('m3')
  await pair.serves('m3')
  await pair.mine('m1', 'm2', 'm3')
  assert.deepEqual(
    await pair.published(),
    [1, 2, 3, 4, 5].map((number) => `${number} by m1`),
  )
})

test(
  'a master without its store takes the blocks from the feed, and its heads come in order',
  skip,
  async () => {
    await using pair = await Pair.open()
    for (let i = 0; i < 40; i++) await pair.mine('m1')
    await pair.masters.get('m2')?.stop()
    pair.masters.delete('m2')
    for (let i = 0; i < 5; i++) await pair.mine('m1')
    const before = (await recordsOf(pair.log)).length
    pair.start('m2') // with an empty one
    await pair.names('m2')
    const { metrics } = pair.masters.get('m2') as RunningMaster
    assert.match(metrics, /taken_blocks_total 46$/m)
    assert.doesNotMatch(metrics, /executed_blocks_total \d/)
    await pair.mine('m1', 'm2')
    const heads = (await recordsOf(pair.log))
      .slice(before)
      .flatMap(({ producer, body }) =>
        producer === 'm2' && body.kind === 'headEvent' ? [body.head.number] : [],
      )
    assert.deepEqual(
      heads,
      heads.toSorted((a, b) => a - b),
    )
    assert.equal(heads[0], 46)
    assert.ok((await pair.published()).every((one) => one.endsWith('by m1')))
  },
)
