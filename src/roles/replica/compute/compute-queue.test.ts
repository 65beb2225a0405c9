import assert from 'node:assert/strict'
import test from 'node:test'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { silent } from '#ports/logger.ts'
import type { Mailbox } from '#ports/mailbox.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import type { HeadContext } from '#rpc/answer.ts'
import type { Call } from '#rpc/envelope.ts'
import { createAside } from './aside.ts'
import {
  CANCELLED_BYTES,
  type ComputeAsk,
  type ComputeNews,
  type ComputeOrder,
  type ComputeReply,
  createCancelled,
} from './compute-messages.ts'
import { createComputeQueue } from './compute-queue.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const CALL_TIME_MS = 5_000
const block = { number: 1, hash: `0x${'11'.repeat(32)}` as BlockHash }
const HEAD: HeadContext = { position: 1, head: block, safe: block, finalized: block }

function call(id: number): Call {
  return { idText: String(id), method: 'eth_call', params: [], requestText: '{}', notification: false }
}

/** Two ends of a mailbox that deliver at once. */
function pair<A, B>(): [Mailbox<A, B>, Mailbox<B, A>] {
  let left: (message: B) => void = () => {}
  let right: (message: A) => void = () => {}
  return [
    { post: (message) => right(message), onMessage: (take) => void (left = take) },
    { post: (message) => left(message), onMessage: (take) => void (right = take) },
  ]
}

function world() {
  const clock = createVirtualClock()
  const meter = createMeterRegistry()
  const queue = createComputeQueue({ callTimeMaxMs: CALL_TIME_MS }, { clock, log: silent, meter })
  const answerer = () => {
    const [ours, theirs] = pair<ComputeReply, ComputeAsk>()
    return { remove: queue.addAnswerer(ours), aside: createAside(theirs) }
  }
  const computer = () => {
    const [ours, theirs] = pair<ComputeOrder, ComputeNews>()
    const orders: ComputeOrder[] = []
    theirs.onMessage((order) => orders.push(order))
    const cancelled = createCancelled(new SharedArrayBuffer(CANCELLED_BYTES))
    const one = {
      orders,
      cancelled,
      killed: 0,
      ids: () => orders.map((order) => order.call.idText),
      remove: () => {},
      /** Finishes the last order. */
      finish(json = 'done') {
        const { job } = orders.at(-1) as ComputeOrder
        theirs.post({ job, outcome: { kind: 'answered', item: { kind: 'answered', json } } })
      },
    }
    one.remove = queue.addComputer({ box: ours, cancelled, kill: () => one.killed++ })
    return one
  }
  return { clock, meter, answerer, computer }
}

const forEver = new AbortController().signal

test('calls are run in the order in which they were set aside, one at a time for each compute thread', async () => {
  const { answerer, computer } = world()
  const [a, b, c] = [answerer(), answerer(), computer()]
  const first = a.aside(call(1), HEAD, forEver)
  const second = b.aside(call(2), HEAD, forEver)
  const third = a.aside(call(3), HEAD, forEver)
  assert.deepEqual(c.ids(), ['1'])
  assert.deepEqual(c.orders[0]?.head, HEAD)
  for (const json of ['one', 'two', 'three']) c.finish(json)
  assert.deepEqual(c.ids(), ['1', '2', '3'])
  const answers = await Promise.all([first, second, third])
  assert.deepEqual(
    answers.map((outcome) => outcome.kind === 'answered' && 'json' in outcome.item && outcome.item.json),
    ['one', 'two', 'three'],
  )
})

test('over its limit the queue refuses at once, and takes again when there is room', async () => {
  const { answerer, computer } = world()
  const [a, c] = [answerer(), computer()]
  const max = replicaLimits.heavyCallsMax.value
  const taken = Array.from({ length: max + 1 }, (_, i) => a.aside(call(i), HEAD, forEver))
  assert.deepEqual(await a.aside(call(999), HEAD, forEver), { kind: 'full' })
  c.finish()
  const late = a.aside(call(1_000), HEAD, forEver)
  for (let i = 0; i < max + 1; i++) c.finish()
  for (const one of [...taken, late]) assert.equal((await one).kind, 'answered')
})

test('none waits longer than a call may run', async () => {
  const { clock, answerer, computer } = world()
  const [a, c] = [answerer(), computer()]
  const running = a.aside(call(1), HEAD, forEver)
  const waiting = a.aside(call(2), HEAD, forEver)
  await clock.advance(CALL_TIME_MS + 1)
  assert.deepEqual(await waiting, { kind: 'full' })
  c.finish()
  assert.equal((await running).kind, 'answered')
  assert.deepEqual(c.ids(), ['1'])
})

test('what nobody waits for any more is taken out, or told to stop', async () => {
  const { answerer, computer } = world()
  const [a, c] = [answerer(), computer()]
  const [one, two] = [new AbortController(), new AbortController()]
  const running = a.aside(call(1), HEAD, one.signal)
  const waiting = a.aside(call(2), HEAD, two.signal)
  two.abort()
  one.abort()
  assert.ok(c.cancelled.is(c.orders[0]?.job as number))
  for (const outcome of [running, waiting]) assert.deepEqual(await outcome, { kind: 'failed' })
  c.finish()
  assert.deepEqual(c.ids(), ['1'])
})

test('an answer thread that ends takes its calls with it and no others', async () => {
  const { answerer, computer } = world()
  const [a, b, c] = [answerer(), answerer(), computer()]
  void a.aside(call(1), HEAD, forEver)
  void a.aside(call(2), HEAD, forEver)
  const other = b.aside(call(3), HEAD, forEver)
  a.remove()
  assert.ok(c.cancelled.is(c.orders[0]?.job as number))
  c.finish()
  assert.deepEqual(c.ids(), ['1', '3'])
  c.finish()
  assert.equal((await other).kind, 'answered')
})

test('a call whose compute thread ends under it is run once more, and then fails', async () => {
  const { answerer, computer } = world()
  const a = answerer()
  const lost = computer()
  const once = a.aside(call(1), HEAD, forEver)
  lost.remove()
  const second = computer()
  assert.deepEqual(second.ids(), ['1'])
  second.finish()
  assert.equal((await once).kind, 'answered')
  const twice = a.aside(call(2), HEAD, forEver)
  second.remove()
  const third = computer()
  third.remove()
  assert.deepEqual(await twice, { kind: 'failed' })
})

test('a compute thread that does not come back is ended', async () => {
  const { clock, answerer, computer } = world()
  const [a, c] = [answerer(), computer()]
  const stuck = a.aside(call(1), HEAD, forEver)
  await clock.advance(CALL_TIME_MS + replicaLimits.heavyOverrunMaxMs.value - 1)
  assert.equal(c.killed, 0)
  await clock.advance(2)
  assert.equal(c.killed, 1)
  c.remove()
  const next = computer()
  next.finish()
  assert.equal((await stuck).kind, 'answered')
})
