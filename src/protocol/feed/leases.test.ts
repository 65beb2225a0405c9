import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { type LeaseEffect, Leases } from './leases.ts'
import type { MaintenanceLease, Phase, RecordBody } from './frames/records.ts'

const HASH = `0x${'00'.repeat(32)}` as BlockHash

/** A feed of masters m1, m2, … each beside client c1, c2, … unless said. */
function feed() {
  const leases = new Leases()
  let position = 0
  let highest = 0
  const say = (producer: string, body: RecordBody): LeaseEffect[] =>
    leases.take(
      ++position,
      { cluster: 'test', producer, epoch: 1, incarnation: 1n, sequence: position, body },
      highest,
    )
  return {
    leases,
    grow: (to: number) => (highest = to),
    beat: (master: string, phase: Phase, { head = highest, client = `c${master.slice(1)}` } = {}) =>
      say(master, {
        kind: 'beat',
        phase,
        head: { number: head, hash: HASH },
        client: { id: client, version: 'x' },
      }),
    ask: (master: string, lease: bigint, more: Partial<MaintenanceLease> = {}) =>
      say(master, {
        kind: 'maintenanceLease',
        ...{ lease, client: `c${master.slice(1)}`, reason: 'compaction', others: 1 },
        ...{ alarmAfterMs: 60_000, override: false, ...more },
      }),
    release: (master: string, lease: bigint) => say(master, { kind: 'maintenanceRelease', lease }),
  }
}

const kinds = (effects: readonly LeaseEffect[]): string[] => effects.map(({ kind }) => kind)
const whyOf = ([effect]: readonly LeaseEffect[]): string | undefined =>
  effect?.kind === 'refused' ? effect.why : undefined

test('one client stalls while another serves; the next may when it serves again', () => {
  const { beat, ask, leases } = feed()
  for (const master of ['m1', 'm2']) beat(master, 'serving')
  beat('m1', 'maintaining')
  assert.deepEqual(kinds(ask('m1', 1n)), ['granted'])
  assert.match(whyOf(ask('m2', 2n)) ?? '', /^m1 is under maintenance since position 4 \(compaction\)/)
  beat('m1', 'maintaining')
  beat('m1', 'syncing')
  assert.equal(leases.open().length, 1)
  const [ended] = beat('m1', 'serving')
  assert.ok(ended?.kind === 'ended' && ended.by === 'serving')
  beat('m2', 'maintaining')
  assert.deepEqual(kinds(ask('m2', 3n)), ['granted'])
})

test('who is behind, silent or does not serve leaves nobody to go on, and is named', () => {
  const { beat, ask, grow } = feed()
  assert.equal(whyOf(ask('m1', 1n)), 'no other client is there: 1 must serve meanwhile')
  beat('m1', 'serving')
  beat('m2', 'syncing')
  assert.equal(whyOf(ask('m1', 2n)), 'm2 is syncing: try after that')
  grow(20)
  beat('m2', 'serving', { head: 6 })
  assert.equal(whyOf(ask('m1', 3n)), 'm2 is 14 blocks behind: try after that')
  beat('m2', 'serving')
  for (let i = 0; i < 3; i++) beat('m1', 'serving')
  assert.equal(whyOf(ask('m1', 4n)), 'm2 is silent: try after that')
})

test('masters beside one client stall together', () => {
  const { beat, ask } = feed()
  for (const master of ['m1', 'm2']) beat(master, 'serving', { client: 'shared' })
  assert.match(whyOf(ask('m1', 1n, { client: 'shared' })) ?? '', /no other client/)
  beat('m3', 'serving')
  assert.deepEqual(kinds(ask('m1', 2n, { client: 'shared' })), ['granted'])
  assert.match(whyOf(ask('m3', 3n)) ?? '', /^m1 is under maintenance/)
})

test('an operator may grant what is refused, and end what nobody ends', () => {
  const { beat, ask, release, leases } = feed()
  beat('m1', 'serving')
  assert.deepEqual(kinds(ask('m1', 1n, { override: true })), ['granted', 'alone'])
  const [ended] = release('m2', 1n)
  assert.ok(ended?.kind === 'ended' && ended.by === 'operator')
  assert.deepEqual(leases.open(), [])
  assert.deepEqual(release('m2', 1n), [])
})

test('when the only other client goes meanwhile, that is told once, and again when it has been back', () => {
  const { beat, ask } = feed()
  for (const master of ['m1', 'm2']) beat(master, 'serving')
  ask('m1', 1n)
  assert.deepEqual(kinds(beat('m2', 'syncing')), ['alone'])
  assert.deepEqual(kinds(beat('m2', 'syncing')), [])
  assert.deepEqual(kinds(beat('m2', 'serving')), [])
  for (let i = 0; i < 2; i++) assert.deepEqual(kinds(beat('m1', 'maintaining')), [])
  assert.deepEqual(kinds(beat('m1', 'maintaining')), ['alone'], 'three beats since it was heard')
})

test('a record that was appended twice is one lease', () => {
  const { beat, ask, release } = feed()
  for (const master of ['m1', 'm2']) beat(master, 'serving')
  ask('m1', 1n)
  assert.deepEqual(ask('m1', 1n), [])
  release('m1', 1n)
  assert.deepEqual(ask('m1', 1n), [], 'nor a second one after its end')
})

/** The promise itself, against whatever masters do: no second client stalls, and somebody serves when one begins to. */
test('never two at once without an override, and never the last one', () => {
  const masters = ['m1', 'm2', 'm3', 'm4']
  const client = (master: string): string => (master === 'm4' ? 'c3' : `c${master.slice(1)}`)
  const step = fc.record({
    master: fc.constantFrom(...masters),
    what: fc.constantFrom('serving', 'syncing', 'maintaining', 'draining', 'ask', 'ask', 'release', 'grow'),
    behind: fc.nat(8),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { leases, beat, ask, release, grow } = feed()
      const newest = new Map<string, { phase: string; head: number }>()
      let highest = 0
      let id = 0n
      for (const { master, what, behind } of steps) {
        if (what === 'grow') grow(++highest)
        else if (what === 'release') release(master, id)
        else if (what !== 'ask') {
          const head = Math.max(0, highest - behind)
          newest.set(master, { phase: what, head })
          beat(master, what as Phase, { head, client: client(master) })
        } else {
          const before = leases.open().length
          const granted = ask(master, ++id, { client: client(master) }).some(({ kind }) => kind === 'granted')
          if (granted) {
            assert.equal(before, 0)
            const others = [...newest].filter(
              ([other, { phase, head }]) =>
                client(other) !== client(master) && phase === 'serving' && head + 3 >= highest,
            )
            assert.ok(others.length > 0)
          }
        }
        assert.ok(leases.open().length <= 1)
        for (const { holder } of leases.open())
          assert.notEqual(
            newest.get(holder)?.phase === 'serving' && what === 'serving' && master === holder,
            true,
          )
      }
    }),
    { numRuns: 300 },
  )
})
