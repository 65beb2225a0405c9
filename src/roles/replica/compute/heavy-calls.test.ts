/** Calls that need more than their time in an answer thread, from the answerer through the queue to a computer, all in one thread. */
import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { fromUtf8, joinParts, utf8 } from '#kernel/bytes.ts'
import type { Clock } from '#ports/clock.ts'
import { silent } from '#ports/logger.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openStore } from '#state/open-store.ts'
import { createChainBuilder } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import type { StoreWriter } from '#state/store.ts'
import { stored } from '#state/testing/stored.ts'
import { type Aside, createAside } from './aside.ts'
import { createAnswerer } from '#roles/replica/answer/answerer.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import {
  type AsideOutcome,
  CANCELLED_BYTES,
  type ComputeAsk,
  type ComputeNews,
  type ComputeOrder,
  type ComputeReply,
  createCancelled,
} from './compute-messages.ts'
import { createComputeQueue } from './compute-queue.ts'
import { startComputer } from './computer.ts'

const OPTIONS = {
  clientVersion: 'test',
  serve: 'eager',
  callGasMax: 50_000_000,
  callTimeMaxMs: 5_000,
  cacheBytes: 0,
} as const
/** Counts down from 200,000, then returns the number of the block that it runs in. */
const HEAVY = { data: '0x6300030d405b6001900380600557435f5260205ff3' }
const LIGHT = { data: '0x435f5260205ff3' }

/** Each look at it is a quarter of a millisecond later: long code meets its deadline, short code does not. */
function ticking(): Clock {
  const clock = createVirtualClock()
  let nowMs = 0
  return { ...clock, nowMs: () => (nowMs += 0.25) }
}

/** Two ends of a mailbox; each message is a turn of its own. */
function pair<A, B>(): [Mailbox<A, B>, Mailbox<B, A>] {
  let left: (message: B) => void = () => {}
  let right: (message: A) => void = () => {}
  return [
    { post: (message) => queueMicrotask(() => right(message)), onMessage: (take) => void (left = take) },
    { post: (message) => queueMicrotask(() => left(message)), onMessage: (take) => void (right = take) },
  ]
}

/** A replica whose answerer sets aside what a computer then runs, or what the test answers. */
function replica(answerAside?: (real: Aside) => Aside) {
  const chain = createChainBuilder()
  const store = openStore(memoryKeyValue(), { compress: stored })
  store.initialise(chain.identity, chain.genesis)
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  board.setReady()
  board.setSequence(1)
  const parts = { board, config: chain.genesis.config, clock: ticking(), log: silent }
  const meter = createMeterRegistry()
  const queue = createComputeQueue(OPTIONS, { clock: createVirtualClock(), log: silent, meter })
  const [queueEnd, computerEnd] = pair<ComputeOrder, ComputeNews>()
  const cancelled = createCancelled(new SharedArrayBuffer(CANCELLED_BYTES))
  queue.addComputer({ box: queueEnd, cancelled, kill: () => assert.fail('a computer is not ended') })
  startComputer(OPTIONS, { ...parts, meter, openStore: () => store, cancelled, queue: computerEnd })
  const [ours, theirs] = pair<ComputeReply, ComputeAsk>()
  queue.addAnswerer(ours)
  const real = createAside(theirs)
  const aside = answerAside?.(real) ?? real
  const answerer = createAnswerer(OPTIONS, { ...parts, store, meter, onceMoved: () => {}, aside })
  const write = (change: (writer: StoreWriter) => void): void => {
    board.setSequence(board.sequence() + 1)
    store.commit(change)
  }
  const add = (): void => {
    const frame = chain.next()
    write((writer) => writer.apply(frame))
  }
  const ask = async (...calls: readonly object[]) => {
    const body = calls.map((call, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'eth_call',
      params: [call, 'latest'],
    }))
    const answer = await answerer.answer(utf8(JSON.stringify(body)), { signal: new AbortController().signal })
    assert.ok('items' in answer)
    const texts = answer.items.map((item) =>
      'json' in item ? item.json : 'parts' in item ? fromUtf8(joinParts(item.parts)) : '',
    )
    const answers = texts.map((text) => JSON.parse(text) as { result?: string; error?: { code: number } })
    return { ...answer, answers, numbers: answers.map(({ result }) => Number(result)) }
  }
  return { add, ask, meter, chain, write }
}

test('a batch of light and heavy calls is answered in its order, at one block, whatever comes meanwhile', async () => {
  const { add, ask, meter } = replica((real) => async (call, head, signal) => {
    add() // while the call is on its way
    return real(call, head, signal)
  })
  add()
  const { numbers, block } = await ask(LIGHT, HEAVY, LIGHT, HEAVY)
  assert.equal(block?.number, 1)
  assert.deepEqual(numbers, [1, 1, 1, 1])
  assert.match(meter.render(), /drover_replica_heavy_calls_total\{outcome="answered"\} 2/)
  assert.match(meter.render(), /drover_replica_requests_total\{method="eth_call"\} 4/)
})

test('a light call is not set aside', async () => {
  const { add, ask } = replica(() => () => assert.fail('it had time enough'))
  add()
  assert.deepEqual((await ask(LIGHT)).numbers, [1])
})

test('a body whose head was reorganised away while a call was aside begins anew, at the new head', async () => {
  let reorgs = 0
  const { add, ask, chain, write } = replica((real) => async (call, head, signal) => {
    if (reorgs++ === 0) {
      const other = chain.next({ parent: chain.genesis, extra: 'other' })
      const next = chain.next({ parent: other })
      write((writer) => {
        writer.undo()
        writer.apply(other)
        writer.apply(next)
      })
    }
    return real(call, head, signal)
  })
  add()
  assert.deepEqual((await ask(LIGHT, HEAVY)).numbers, [2, 2])
  assert.equal(reorgs, 2)
})

test('what was refused aside is refused in its place: try again where too many wait, an error where it failed twice', async () => {
  const outcomes: AsideOutcome[] = [{ kind: 'full' }, { kind: 'failed' }]
  const { add, ask } = replica(() => async () => outcomes.shift() as AsideOutcome)
  add()
  const { items, answers } = await ask(LIGHT, HEAVY, HEAVY)
  assert.deepEqual(
    items.map(({ kind }) => kind),
    ['answered', 'retry', 'answered'],
  )
  assert.deepEqual(
    answers.map(({ error }) => error?.code),
    [undefined, -32005, -32603],
  )
})
