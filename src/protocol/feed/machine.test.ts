import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { FeedEffect } from './effects.ts'
import { createFeedMachine, restoreFeedMachine } from './machine.ts'
import { converse, History, refNamed } from './testing/history.ts'
import { decideSlowly } from './testing/judging-twin.ts'

/** Histories are written in testdata/*.txt: a sentence, commands (testing/history.ts), `----`, what the machine did. UPDATE=1 records. */
for (const file of globSync(`${import.meta.dirname}/testdata/*.txt`).toSorted()) {
  const [title = '', ...rest] = readFileSync(file, 'utf8').split('\n')
  test(`${basename(file, '.txt')}: ${title.replace(/^# /, '')}`, () => {
    const [input = '', expected = ''] = rest.join('\n').split('\n----\n')
    const commands = input.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const output = converse(commands)
    if (process.env['UPDATE'] === '1') writeFileSync(file, `${title}\n${input}\n----\n${output}\n`)
    else assert.equal(output, expected.trimEnd())
    if (!output.includes('REFUSED')) sameFromEverywhere(commands)
  })
}

/** Restored at any position, a machine does with the rest what the one that saw everything does. */
function sameFromEverywhere(commands: readonly string[]): void {
  const { records, states } = run(commands)
  const stride = states.length > 100 ? Math.ceil(states.length / 10) : 1
  for (let at = 0; at < states.length; at += stride) {
    const { bytes, canonical } = states[at] as (typeof states)[number]
    const restored = restoreFeedMachine(bytes, canonical)
    assert.deepEqual(restored.encode(), bytes, 'restoring changes nothing')
    for (let position = at + 1; position < records.length; position++) {
      const record = records[position] as (typeof records)[number]
      assert.deepEqual(
        restored.step(position, record),
        states[position]?.effects,
        `restored at ${at}, record ${position}`,
      )
    }
    assert.deepEqual(restored.encode(), states.at(-1)?.bytes)
  }
}

/** The history through one machine: after each record its effects, its state, and the head's chain as a store would hand it in. */
function run(commands: readonly string[]) {
  const history = new History()
  for (const command of commands) history.command(command)
  const machine = createFeedMachine()
  let canonical: readonly BlockRef[] = [refNamed('0')]
  const states = history.records.map((record, position) => {
    const effects = machine.step(position, record)
    canonical = follow(canonical, effects)
    return { effects, bytes: machine.encode(), canonical, heads: machine.heads(), leader: machine.leader() }
  })
  return { records: history.records, states }
}

function follow(canonical: readonly BlockRef[], effects: readonly FeedEffect[]): readonly BlockRef[] {
  let chain = canonical
  for (const effect of effects) {
    if (effect.kind !== 'headMoved') continue
    const { undo, apply, to } = effect
    assert.deepEqual(chain.slice(chain.length - undo.length).toReversed(), undo, 'what is undone is the head')
    chain = [...chain.slice(0, chain.length - undo.length), ...apply]
    assert.deepEqual(chain.at(-1), to)
  }
  return chain
}

/** A tree of blocks over which producers race, lie about heads and parents, restart and die in mid-frame. */
const TREE = '1<0 2<1 3<2 4<3 5<4 2b<1 3b<2b 4b<3b 3c<2 4c<3c 5c<4c 1d<0 2d<1d 3d<2d 3c<2b'.split(' ')
const producer = fc.constantFrom('m1', 'm2', 'm3')
const block = fc.constantFrom(...TREE.map((edge) => edge.split('<')[0] as string))
const edge = fc.constantFrom(...TREE).map((text) => text.replace('<', ' '))
const frame = fc.tuple(producer, edge).map(([p, blocks]) => `frame ${p} ${blocks}`)
const part = fc
  .tuple(producer, edge, fc.integer({ min: 1, max: 2 }))
  .map(([p, blocks, index]) => `frame ${p} ${blocks} ${index}/2`)
const head = fc
  .tuple(producer, block, fc.option(block, { freq: 2 }), fc.option(block, { freq: 1 }))
  .map(
    ([p, name, safe, final]) =>
      `head ${p} ${name}${safe ? ` safe=${safe}` : ''}${final ? ` final=${final}` : ''}`,
  )
const beat = fc
  .tuple(producer, fc.constantFrom('serving', 'serving', 'serving', 'syncing'))
  .map(([p, phase]) => `beat ${p} ${phase}`)
const life = fc
  .tuple(producer, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }))
  .map(([p, epoch, incarnation]) => `life ${p} ${epoch} ${incarnation}`)
const anything = fc.oneof(
  { weight: 12, arbitrary: head },
  { weight: 12, arbitrary: beat },
  { weight: 4, arbitrary: frame },
  { weight: 2, arbitrary: part },
  { weight: 1, arbitrary: life },
)
/** Anything, in between most of the tree's frames, so that heads are whole more often than not. */
const histories = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(100), anything), { minLength: 10, maxLength: 40 }),
    fc.array(fc.tuple(fc.nat(60), frame), { minLength: 15, maxLength: 25 }),
  )
  .map(([all, frames]) => [...all, ...frames].toSorted(([a], [b]) => a - b).map(([, command]) => command))
  .map((commands) => ['generation m1', ...commands])

test('any history is judged the same from every position', () => {
  fc.assert(fc.property(histories, sameFromEverywhere), { numRuns: 150 })
})

test('only whole frames are applied, finality never steps back, and the marks stay on the head’s chain', () => {
  fc.assert(
    fc.property(histories, (commands) => {
      const whole = new Set<string>()
      let finalized = 0
      for (const { effects, canonical, heads } of run(commands).states) {
        for (const effect of effects) {
          if (effect.kind === 'frameWhole') whole.add(effect.frame.block.hash)
          if (effect.kind === 'headMoved') for (const { hash } of effect.apply) assert.ok(whole.has(hash))
        }
        assert.ok(heads !== undefined && heads.finalized.number >= finalized)
        finalized = heads.finalized.number
        assert.deepEqual(canonical[finalized], heads.finalized)
        assert.deepEqual(canonical[heads.safe.number], heads.safe)
        assert.ok(heads.safe.number >= finalized)
      }
    }),
    { numRuns: 200 },
  )
})

test('the machine decides as its slow twin, which looks through the whole history again at each record', () => {
  fc.assert(
    fc.property(histories, (commands) => {
      const { records, states } = run(commands)
      const last = states.at(-1)
      assert.deepEqual({ ...last?.heads, leader: last?.leader }, withoutTop(decideSlowly(records)))
    }),
    { numRuns: 150 },
  )
})
function withoutTop({ head: decided, safe, finalized, leader }: ReturnType<typeof decideSlowly>) {
  return { head: decided, safe, finalized, leader }
}

test('the state that is stored with every block stays small', () => {
  const { states } = run([
    'generation m1',
    'chain m1 1 40',
    'head m1 40',
    'beat m1',
    'frame m2 40b 39',
    'beat m2',
  ])
  assert.ok((states.at(-1)?.bytes.length ?? 0) < 12_000)
})
