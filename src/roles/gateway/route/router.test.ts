import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinParts, utf8 } from '#kernel/bytes.ts'
import { createChunks } from '#kernel/chunks.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { openScope } from '#ports/scope.ts'
import { createMemoryTransport } from '#ports/testing/memory-transport.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { CHUNK_BYTES } from '#wire/link-answer.ts'
import { createHead } from '#roles/gateway/head.ts'
import { openLinks } from './links.ts'
import { createGatewayMetrics } from '#roles/gateway/metrics.ts'
import { createRouter, type Routed } from './router.ts'
import { block, echoHead, headAt, startStubReplica } from '#roles/gateway/testing/stub-replica.ts'

const CALL = utf8('{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}')
const forEver = new AbortController().signal

/** Replicas at the given positions and a router over them, on virtual time. */
async function rig(
  positions: readonly number[],
  options: { feedEnd?: number; chainIds?: readonly number[]; streams?: number } = {},
) {
  const clock = createVirtualClock()
  const transport = createMemoryTransport(clock)
  const scope = openScope('test')
  const metrics = createGatewayMetrics(createMeterRegistry())
  const addresses = positions.map((_, i) => `replica-${i}:1`)
  const replicas = await Promise.all(
    positions.map((position, i) =>
      startStubReplica(
        {
          address: addresses[i] as string,
          at: headAt(position),
          ...(options.feedEnd !== undefined && { feedEnd: options.feedEnd }),
          ...(options.streams !== undefined && { streams: options.streams }),
          ...(options.chainIds && { chainId: options.chainIds[i] as number }),
        },
        { transport, clock },
      ),
    ),
  )
  const head = createHead(1, {
    clock,
    log: silent,
    metrics,
    askFeedEnd: (address, nonce) => links.get(address)?.askFeedEnd(nonce),
    giveUp: (address) => links.get(address)?.giveUp(),
    moved: () => {},
  })
  const links = openLinks(
    { gateway: 'test', addresses },
    {
      transport,
      clock,
      random: { bytes: (n) => new Uint8Array(n), unit: () => 0.5 },
      log: silent,
      chunks: createChunks(CHUNK_BYTES, 16),
      onStatus: (link, status) =>
        head.take({
          kind: 'status',
          replica: link.address,
          group: link.group,
          applied: status.applied,
          head: status.head,
          routable: status.phase === 'ready',
        }),
      onFeedEnd: (nonce, next) => head.take({ kind: 'feedEnd', nonce, next }),
      onLost: (replica) => head.take({ kind: 'lost', replica }),
    },
    scope,
  )
  const router = createRouter({ head, links, clock, metrics })
  await clock.advance(50)
  /** Asks, lets time pass, and gives what came. */
  const ask = async ({ minBlock = 0, ms = 1 } = {}): Promise<Routed> => {
    const routed = router.ask(CALL, { minBlock, untilMs: clock.nowMs() + 30_000, asker: { signal: forEver } })
    await clock.advance(ms)
    return routed
  }
  return { clock, transport, scope, replicas, addresses, head, links, router, ask }
}

function answeredAt(routed: Routed): number {
  assert.equal(routed.kind, 'answer')
  return routed.kind === 'answer' ? routed.head.head.number : -1
}

test('requests are spread over the holders of the served head', async () => {
  const { ask, replicas, scope } = await rig([5, 5])
  for (let i = 0; i < 10; i++) assert.equal(answeredAt(await ask()), 105)
  assert.deepEqual(
    replicas.map((replica) => replica.asked.length),
    [5, 5],
  )
  await scope.close()
})

test('a replica lost while it answers costs no request: another holder answers at the same head', async () => {
  const { ask, replicas, transport, addresses, clock, scope } = await rig([5, 5])
  for (const replica of replicas) replica.answer = () => clock.sleep(50).then(() => echoHead(CALL, headAt(5)))
  const all = Promise.all(Array.from({ length: 8 }, () => ask({ ms: 0 })))
  await clock.advance(10)
  transport.cut(addresses[0] as string)
  await clock.advance(200)
  for (const routed of await all) assert.equal(answeredAt(routed), 105)
  assert.equal(replicas[1]?.asked.length, 8)
  await scope.close()
})

test('a replica that stops without closing is given up after 300 ms and its requests are answered elsewhere', async () => {
  const { ask, transport, addresses, clock, scope } = await rig([5, 5])
  transport.stall(addresses[0] as string)
  const all = Promise.all([ask({ ms: 0 }), ask({ ms: 0 })])
  await clock.advance(400)
  for (const routed of await all) assert.equal(answeredAt(routed), 105)
  await scope.close()
})

test('what the only replica was asked is not thrown away while it is silent: it may be slow, and nobody else can answer', async () => {
  const { ask, replicas, transport, addresses, clock, scope } = await rig([5])
  const [replica] = replicas
  assert(replica !== undefined)
  replica.answer = () => clock.sleep(200).then(() => echoHead(CALL, headAt(5)))
  const slow = ask({ ms: 0 })
  await clock.advance(10)
  transport.stall(addresses[0] as string)
  await clock.advance(1_000)
  transport.heal(addresses[0] as string)
  await clock.advance(100)
  assert.equal(answeredAt(await slow), 105)
  assert.equal(replica.asked.length, 1)
  await scope.close()
})

test('where all replicas have too much to do, who asks is told so at once', async () => {
  const { ask, replicas, scope } = await rig([5, 5])
  for (const replica of replicas) replica.answer = () => ({ kind: 'overloaded' })
  assert.equal((await ask({ ms: 5 })).kind, 'overloaded')
  assert.deepEqual(
    replicas.map((replica) => replica.asked.length),
    [1, 1],
  )
  await scope.close()
})

test('with all replicas lost a request waits half a second and is refused; the head is served on when they are back at it', async () => {
  const { ask, transport, addresses, replicas, clock, head, scope } = await rig([5, 5])
  for (const address of addresses) transport.cut(address)
  assert.equal((await ask({ ms: 600 })).kind, 'unavailable')
  assert.equal(head.served()?.position, 5)

  for (const replica of replicas) replica.apply(headAt(3)) // they come back from an older store
  for (const address of addresses) transport.heal(address)
  await clock.advance(2_000)
  assert.equal((await ask({ ms: 600 })).kind, 'unavailable', 'nothing is served below what was served')

  replicas[0]?.apply(headAt(6))
  await clock.advance(150)
  assert.equal(answeredAt(await ask()), 106)
  await scope.close()
})

test('a request waits for the head that it needs, and goes only to who holds it', async () => {
  const { ask, replicas, clock, scope } = await rig([5, 5, 5])
  clock.after(20, () => replicas[2]?.apply(headAt(6)))
  assert.equal(answeredAt(await ask({ minBlock: 106, ms: 200 })), 106)
  assert.deepEqual(
    replicas.map((replica) => replica.asked.length),
    [0, 0, 1],
  )
  assert.equal((await ask({ minBlock: 107, ms: 600 })).kind, 'unavailable')
  await scope.close()
})

test('a slow replica does not hold the head back, and is asked again once it has caught up', async () => {
  const { ask, replicas, clock, scope } = await rig([5, 5])
  for (let position = 6; position < 20; position++) {
    replicas[0]?.apply(headAt(position))
    await clock.advance(10)
    assert.equal(answeredAt(await ask()), 100 + position)
  }
  assert.equal(replicas[1]?.asked.length, 0)
  replicas[1]?.apply(headAt(19))
  await clock.advance(10)
  for (let i = 0; i < 4; i++) await ask()
  assert.equal(replicas[1]?.asked.length, 2)
  await scope.close()
})

test('what nobody holds any more after a reorg is bound again to the new head', async () => {
  const { ask, replicas, clock, scope } = await rig([5, 5, 5])
  const branch = headAt(6, block(104, 1))
  // Two have left the old branch, but the word of it is under way: they are asked at the old head and do not hold it.
  for (const replica of replicas)
    replica.answer = async (body, { head }) =>
      head.position === 5 ? { kind: 'notHeld' } : echoHead(body, head)
  clock.after(30, () => {
    for (const replica of replicas) replica.apply(branch)
  })
  const routed = await ask({ ms: 200 })
  assert.equal(answeredAt(routed), 104)
  assert.deepEqual(
    [...new Set(replicas.flatMap((r) => r.asked.map(({ head }) => head.position)))].toSorted((a, b) => a - b),
    [5, 6],
  )
  await scope.close()
})

test('a call for what is announced but not served waits for the next head and is answered there', async () => {
  const { ask, replicas, clock, scope } = await rig([5])
  const retry = { batch: false, items: [{ kind: 'retry', json: '{}' }] } as const
  const [replica] = replicas
  assert(replica)
  replica.answer = async (body, { head }) => (head.position < 6 ? retry : echoHead(body, head))
  clock.after(100, () => replica.apply(headAt(6)))
  assert.equal(answeredAt(await ask({ ms: 200 })), 106)

  replica.answer = async () => retry
  const routed = await ask({ ms: 600 })
  assert(routed.kind === 'answer' && routed.answer.items[0]?.kind === 'retry')
  await scope.close()
})

test('a starting gateway serves nothing before a replica has applied the feed up to its end', async () => {
  const { ask, replicas, clock, scope } = await rig([5], { feedEnd: 9 })
  assert.equal((await ask({ ms: 600 })).kind, 'unavailable')
  replicas[0]?.apply(headAt(8))
  await clock.advance(10)
  assert.equal(answeredAt(await ask()), 108)
  await scope.close()
})

test('a replica of another chain is not asked', async () => {
  const { ask, replicas, links, scope } = await rig([5, 50], { chainIds: [1, 2] })
  assert.equal(links.identity()?.chainId, 1)
  for (let i = 0; i < 4; i++) assert.equal(answeredAt(await ask()), 105)
  assert.equal(replicas[1]?.asked.length, 0)
  await scope.close()
})

for (const afterMs of [10, 100])
  test(`a request that nobody waits for any more after ${afterMs} ms is cancelled at its replica`, async () => {
    const { router, replicas, clock, scope } = await rig([5])
    let aborted = false
    const [replica] = replicas
    assert(replica)
    replica.answer = (body, { head, signal }) => {
      signal.addEventListener('abort', () => (aborted = true))
      return clock.sleep(10_000).then(() => echoHead(body, head))
    }
    const user = new AbortController()
    const routed = router.ask(CALL, {
      minBlock: 0,
      untilMs: clock.nowMs() + 30_000,
      asker: { signal: user.signal },
    })
    await clock.advance(afterMs)
    assert.equal(replica.port.inFlight(), 1)
    user.abort()
    await clock.advance(30)
    assert.equal((await routed).kind, 'late')
    assert.equal(aborted, true)
    assert.equal(replica.port.inFlight(), 0)
    await scope.close()
  })

test('a request whose time was over before its turn came is late, and asks nobody', async () => {
  const { router, replicas, clock, scope } = await rig([5])
  const { signal } = new AbortController()
  const outcome = await router.ask(CALL, { minBlock: 0, untilMs: clock.nowMs() - 1, asker: { signal } })
  assert.equal(outcome.kind, 'late')
  assert.equal(replicas[0]?.asked.length, 0)
  await scope.close()
})

test('a big answer does not make light ones wait for its end', async () => {
  const { ask, replicas, scope } = await rig([5])
  const [replica] = replicas
  assert(replica)
  replica.answer = async (body, { head }) =>
    replica.asked.length === 1
      ? { batch: false, items: [{ kind: 'answered', json: 'x'.repeat(5_000_000) }] }
      : echoHead(body, head)
  const big = await ask()
  assert(big.kind === 'answer' && big.answer.items[0]?.kind === 'encoded')
  assert.equal(joinParts(big.answer.items[0].parts).length, 5_000_000)
  assert.equal(answeredAt(await ask()), 105)
  await scope.close()
})

test('a draining replica is not asked and a refusal is made good elsewhere', async () => {
  const { ask, replicas, clock, scope } = await rig([5, 5])
  replicas[0]?.port.drain()
  for (let i = 0; i < 4; i++) assert.equal(answeredAt(await ask()), 105)
  await clock.advance(10)
  assert.equal(replicas[0]?.asked.length, 0)
  await scope.close()
})

test('every stream that a replica says it has is asked, and given up when it says that it has fewer', async () => {
  const { ask, replicas, transport, clock, links, scope } = await rig([5], { streams: 2 })
  const second = await startStubReplica(
    { address: 'replica-0:2', at: headAt(5), streams: 2 },
    { transport, clock },
  )
  await clock.advance(2_000)
  for (let i = 0; i < 10; i++) assert.equal(answeredAt(await ask()), 105)
  assert.deepEqual([replicas[0]?.asked.length, second.asked.length], [5, 5])
  assert.deepEqual(
    [...links.all()].map(({ group }) => group),
    ['replica-0:1', 'replica-0:1'],
  )

  await replicas[0]?.port.close()
  await startStubReplica({ address: 'replica-0:1', at: headAt(5) }, { transport, clock })
  await clock.advance(2_000)
  assert.deepEqual(
    [...links.all()].map(({ address }) => address),
    ['replica-0:1'],
  )
  await scope.close()
})

test('a draining stream ends what it was asked, while another takes its address and what is asked from then on', async () => {
  const { ask, replicas, transport, clock, links, scope } = await rig([5])
  const old = replicas[0] as (typeof replicas)[0]
  old.answer = () => clock.sleep(400).then(() => echoHead(CALL, headAt(5)))
  const early = ask({ ms: 10 })
  await clock.advance(10)
  const { closed, done } = old.port.drain()
  await closed
  const young = await startStubReplica({ address: 'replica-0:1', at: headAt(5) }, { transport, clock })
  await clock.advance(100)
  assert.equal(answeredAt(await ask()), 105)
  assert.deepEqual([old.asked.length, young.asked.length], [1, 1])
  await clock.advance(500)
  assert.equal(answeredAt(await early), 105)
  await done
  await old.port.close()
  await clock.advance(10)
  assert.equal(answeredAt(await ask()), 105, 'the end of the old one is not the end of the new one')
  assert.equal([...links.all()].length, 1)
  await scope.close()
})
