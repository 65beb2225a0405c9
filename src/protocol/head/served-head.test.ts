import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import {
  createServedHead,
  type DecidedHead,
  type HeadEffect,
  type HeadInput,
  holders,
  PATIENCE_MS_MAX,
  PATIENCE_MS_MIN,
  type ServedHead,
  step,
} from './served-head.ts'

const NONCE = 7

function block(number: number, branch = 0): BlockRef {
  return { number, hash: `0x${(number * 16 + branch).toString(16).padStart(64, '0')}` as BlockHash }
}

function decided(position: number, number: number, finalized: number): DecidedHead {
  return { position, head: block(number), safe: block(finalized), finalized: block(finalized) }
}

test('conversations', () => {
  const file = join(import.meta.dirname, 'testdata', 'served-head.txt')
  const before = readFileSync(file, 'utf8')
  let view: ServedHead = createServedHead(NONCE)
  const out: string[] = []
  let skipping = false
  for (const line of before.split('\n')) {
    if (skipping && !/^(==|status|lost|end|tick|holders|$)/.test(line)) continue
    skipping = line === '----'
    out.push(line)
    if (line.startsWith('==')) view = createServedHead(NONCE)
    if (line === '----') out.push(...run(view, out.at(-2) ?? ''))
  }
  const after = out.join('\n')
  if (process.env['UPDATE'] === '1') writeFileSync(file, after)
  else assert.equal(after, before)
})

function run(view: ServedHead, line: string): string[] {
  if (line === 'holders') return [`  ${holders(view).join(' ') || 'nobody'}`]
  const effects = step(view, parse(line)).map((effect) => `  ${print(effect)}`)
  return effects.length > 0 ? effects : ['  nothing']
}

function parse(line: string): HeadInput {
  const [kind = '', id = ''] = line.split(' ')
  const field = (name: string): string => new RegExp(`${name}=([\\d:]+)`).exec(line)?.[1] ?? ''
  const nowMs = Number(field('at'))
  const [position = 0, number = 0, finalized = 0] = field('head').split(':').map(Number)
  switch (kind) {
    case 'status':
      return {
        kind,
        replica: id,
        group: id.split('/')[0] as string, // r1/2 is the second stream of r1
        applied: Number(field('applied')),
        head: decided(position, number, finalized),
        routable: !line.includes('catching-up'),
        nowMs,
      }
    case 'lost':
      return { kind, replica: id, nowMs }
    case 'end':
      return { kind: 'feedEnd', nonce: Number(id), next: Number(field('next')), nowMs }
    default:
      return { kind: 'tick', nowMs }
  }
}

function print(effect: HeadEffect): string {
  switch (effect.kind) {
    case 'serve':
      return `serve ${effect.head.position}:${effect.head.head.number}:${effect.head.finalized.number}`
    case 'askFeedEnd':
      return `ask ${effect.replica} for the feed's end, nonce ${effect.nonce}`
    case 'evict':
      return `evict ${effect.replica}`
    case 'distrust':
      return `distrust ${effect.replica}: ${effect.why}`
    case 'arm':
      return `arm ${effect.atMs}`
  }
}

/** A feed in which each position decides a head: growth, reorgs to lower numbers, finality that only rises. */
const feedArbitrary = fc
  .array(fc.record({ growth: fc.integer({ min: -2, max: 3 }), finalize: fc.boolean() }), {
    minLength: 5,
    maxLength: 25,
  })
  .map((moves) => {
    const heads: DecidedHead[] = []
    let number = 10
    let finalized = 5
    moves.forEach(({ growth, finalize }, position) => {
      number = Math.max(finalized, number + growth)
      if (finalize) finalized = Math.min(number, finalized + 1)
      heads.push({
        position,
        head: block(number, position % 16),
        safe: block(finalized),
        finalized: block(finalized),
      })
    })
    return heads
  })

const actionArbitrary = fc.record({
  replica: fc.integer({ min: 0, max: 3 }),
  what: fc.constantFrom(
    'advance',
    'advance',
    'advance',
    'repeat',
    'lose',
    'catchUp',
    'end',
    'restart',
    'wait',
  ),
  by: fc.integer({ min: 1, max: 4 }),
  waitMs: fc.integer({ min: 0, max: 160 }),
})

test('whatever replicas report, lose and delay, the served head steps forward only and only holders are asked', () => {
  let served = 0
  fc.assert(
    fc.property(
      feedArbitrary,
      fc.array(actionArbitrary, { minLength: 20, maxLength: 120 }),
      (feed, actions) => {
        served += play(feed, actions)
      },
    ),
    { numRuns: 150 },
  )
  assert(served > 100, `the property exercises moves of the head: ${served}`)
})

type Action = { replica: number; what: string; by: number; waitMs: number }

/** Plays `actions` and checks the promises after each; how often the head moved. */
function play(feed: readonly DecidedHead[], actions: readonly Action[]): number {
  let view = createServedHead(NONCE)
  let life = 0
  let nowMs = 0
  let end = 1
  let moves = 0
  let highest: DecidedHead | undefined
  const applied = [0, 0, 0, 0]
  const heardMs = applied.map(() => Number.NEGATIVE_INFINITY)
  const input = (one: HeadInput): void => {
    for (const effect of step(view, one)) {
      if (effect.kind === 'arm') assert(effect.atMs > nowMs, 'a deadline lies ahead')
      assert.notEqual(effect.kind, 'distrust', 'replicas of one feed never contradict each other')
      if (effect.kind !== 'serve') continue
      moves++
      assert(
        effect.head.position >= (highest?.position ?? -1),
        'the served position never decreases, not over a restart either',
      )
      assert(effect.head.finalized.number >= (highest?.finalized.number ?? 0), 'finalized never decreases')
      highest = effect.head
    }
    for (const id of holders(view)) {
      assert(nowMs < (heardMs[Number(id)] ?? 0) + 300, 'nobody silent is asked')
      assert(
        (applied[Number(id)] ?? 0) > (view.served?.position ?? 0),
        'who is asked has applied the served head',
      )
    }
  }
  for (const { replica, what, by, waitMs } of actions) {
    nowMs += waitMs
    input({ kind: 'tick', nowMs })
    const at = applied[replica] ?? 0
    if (what === 'advance') applied[replica] = Math.min(feed.length, at + by)
    end = Math.max(end, ...applied)
    const position = Math.max(0, (applied[replica] ?? 0) - 1)
    if (what === 'lose') {
      input({ kind: 'lost', replica: `${replica}`, nowMs })
      heardMs[replica] = Number.NEGATIVE_INFINITY
      applied[replica] = Math.max(0, at - by) // it comes back from an older store
    } else if (what === 'end') input({ kind: 'feedEnd', nonce: NONCE + life, next: end, nowMs })
    else if (what === 'restart') view = createServedHead(NONCE + ++life)
    else if (what !== 'wait' && applied[replica] !== 0) {
      heardMs[replica] = nowMs
      const head = feed[position] as DecidedHead
      input({
        kind: 'status',
        replica: `${replica}`,
        group: `${replica % 3}`,
        applied: position + 1,
        head,
        routable: what !== 'catchUp',
        nowMs,
      })
    }
  }
  return moves
}

test('how long one replica waits for the others follows the block time, within its bounds', () => {
  for (const [blockMs, patienceMs] of [
    [50, PATIENCE_MS_MIN],
    [250, 62.5],
    [2_000, PATIENCE_MS_MAX],
    [12_000, PATIENCE_MS_MAX],
  ] as const) {
    const view = createServedHead(NONCE)
    let nowMs = 0
    const hear = (replica: string, number: number): HeadEffect[] =>
      step(view, {
        ...{ kind: 'status', replica, group: replica, applied: number, head: decided(number, number, 0) },
        ...{ routable: true, nowMs },
      })
    const isServed = (effects: readonly HeadEffect[]): boolean => effects.some(({ kind }) => kind === 'serve')
    for (const replica of ['a', 'b', 'c']) hear(replica, 1)
    step(view, { kind: 'feedEnd', nonce: NONCE, next: 1, nowMs })
    for (let number = 2; number < 8; number++) {
      nowMs += blockMs
      for (const replica of ['a', 'b', 'c']) hear(replica, number)
    }
    nowMs += blockMs
    for (const replica of ['b', 'c']) hear(replica, 7) // alive, and not further
    assert.ok(!isServed(hear('a', 8)), 'one of three')
    assert.ok(
      !isServed(step(view, { kind: 'tick', nowMs: nowMs + patienceMs - 1 })),
      `${blockMs} ms: too early`,
    )
    assert.ok(isServed(step(view, { kind: 'tick', nowMs: nowMs + patienceMs })), `${blockMs} ms: too late`)
  }
})
