import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import type { Log } from '#chain/transaction/receipt.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { fromUtf8, bigintTo, fromHex, joinParts, toHex, utf8 } from '#kernel/bytes.ts'
import type { Clock } from '#ports/clock.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock, type VirtualClock } from '#ports/testing/virtual-clock.ts'
import type { Answer, HeadContext } from '#rpc/answer.ts'
import { openStore } from '#state/open-store.ts'
import type { StoreWriter } from '#state/store.ts'
import { createChainBuilder, makeAddress, type NextBlock } from '#state/testing/frame-builder.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { encodeFrame } from '#wire/frame.ts'
import type { RequestContext } from './answer-body.ts'
import { type Answered, type AnswererOptions, createAnswerer } from './answerer.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'

const ALICE = makeAddress(0xa11ce)
const alice = toHex(ALICE)

type Item = Answer['items'][number]

/** A replica's answerer over a store in memory. Alice's balance at block n is n. */
function replica({
  clock = createVirtualClock(),
  ...more
}: { clock?: Clock } & Partial<AnswererOptions> = {}) {
  const chain = createChainBuilder()
  const store = openStore(memoryKeyValue(), { compress: stored })
  store.initialise(chain.identity, chain.genesis)
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  board.setReady()
  board.setSequence(1)
  const meter = createMeterRegistry()
  const wakes = new Set<() => void>()
  const answerer = createAnswerer(
    {
      clientVersion: 'drover/test',
      serve: 'eager',
      callGasMax: 50_000_000,
      callTimeMaxMs: 5_000,
      cacheBytes: 1_000_000,
      ...more,
    },
    {
      store,
      board,
      config: chain.genesis.config,
      clock,
      log: silent,
      meter,
      onceMoved: (wake) => wakes.add(wake),
    },
  )
  const grow = (block: NextBlock = {}): Frame => {
    const number = ('block' in (block.parent ?? {}) ? (block.parent as Frame).block.header.number : top()) + 1
    const balance = BigInt(number)
    const accounts = [{ address: ALICE, after: { nonce: 0n, balance, codeHash: fromHex(EMPTY_CODE_HASH) } }]
    return chain.next({ accounts, ...block })
  }
  const top = (): number => {
    const snapshot = store.snapshot()
    snapshot.release()
    return snapshot.heads.head.number
  }
  /** As the applier does: the board knows of a commit before it is there. */
  const write = (change: (writer: StoreWriter) => void): void => {
    board.setSequence(board.sequence() + 1)
    store.commit(change)
  }
  const commit = (...frames: Frame[]): void => {
    write((writer) => frames.forEach((frame) => writer.apply(frame)))
    board.announce(top())
    const woken = [...wakes]
    wakes.clear()
    for (const wake of woken) wake()
  }
  const add = (block?: NextBlock): Frame => {
    const frame = grow(block)
    commit(frame)
    return frame
  }
  const ask = async (body: unknown, request: Partial<RequestContext> = {}): Promise<Answered> =>
    answerer.answer(utf8(JSON.stringify(body)), { signal: new AbortController().signal, ...request })
  const items = async (body: unknown, request: Partial<RequestContext> = {}): Promise<readonly Item[]> => {
    const answer = await ask(body, request)
    assert.ok('items' in answer, 'the head is held')
    return answer.items
  }
  return { chain, board, meter, answerer, grow, write, commit, add, ask, items }
}

function call(method: string, ...params: unknown[]): Record<string, unknown> {
  return { jsonrpc: '2.0', id: 1, method, params }
}

function result(item: Item | undefined): unknown {
  assert.ok(item?.kind === 'answered' || item?.kind === 'encoded', 'a result is said')
  return (JSON.parse(textOf(item)) as { result: unknown }).result
}

function textOf(item: Item): string {
  return item.kind === 'encoded'
    ? fromUtf8(joinParts(item.parts))
    : 'json' in item
      ? item.json
      : assert.fail(item.kind)
}

function error(item: Item | undefined): { code: number; message: string } {
  assert.ok(item !== undefined && 'json' in item, 'something is said')
  return (JSON.parse(item.json) as { error: { code: number; message: string } }).error
}

const at = (frame: Frame): HeadContext => {
  const head = refOf(frame.block.header)
  return { position: 1, head, safe: head, finalized: head }
}

test('state is answered at the block that is named, by tag, number or hash', async () => {
  const { add, items } = replica()
  add()
  const second = add()
  add()
  const places = ['latest', '0x1', '0x2', second.block.header.hash, { blockNumber: '0x3' }]
  const answers = await items(places.map((place) => call('eth_getBalance', alice, place)))
  assert.deepEqual(answers.map(result), ['0x3', '0x1', '0x2', '0x2', '0x3'])
})

test('a body names the block that it was read at, and the verified one', async () => {
  const { add, ask, write } = replica()
  const first = add()
  const second = add()
  const [verified, head] = [first, second].map((frame) => refOf(frame.block.header))
  write((writer) => writer.setMarks({ safe: verified!, finalized: verified!, verified: verified! }))
  assert.deepEqual(await ask(call('eth_blockNumber')), {
    batch: false,
    items: [{ kind: 'answered', json: '{"jsonrpc":"2.0","id":1,"result":"0x2"}' }],
    block: head,
    verifiedNumber: 1,
  })
})

test('with `serve: verified` the head never rises above the verified block', async () => {
  const { add, items, write } = replica({ serve: 'verified' })
  const [first] = [add(), add()]
  const verified = refOf(first.block.header)
  write((writer) => writer.setMarks({ safe: verified, finalized: verified, verified }))
  const answers = await items([call('eth_blockNumber'), call('eth_getBalance', alice)])
  assert.deepEqual(answers.map(result), ['0x1', '0x1'])
})

/** Time passes with every look at it, and others act while a body gives them their turn. */
function busyClock(meanwhile: () => void): Clock {
  let nowMs = 0
  return {
    ...createVirtualClock(),
    nowMs: () => (nowMs += 7),
    sleep: async () => meanwhile(),
  }
}

test('a long batch is read at one block, whatever is committed between its calls', async () => {
  const turns = { taken: 0 }
  const clock = busyClock(() => {
    turns.taken++
    add()
  })
  const { add, items } = replica({ clock })
  add()
  const answers = await items(Array.from({ length: 200 }, () => call('eth_getBalance', alice)))
  assert.ok(turns.taken > 20, 'others had their turn')
  assert.deepEqual(new Set(answers.map(result)), new Set(['0x1']))
})

test('a long batch whose head is reorganised away begins anew, and is read at one block again', async () => {
  let reorganised = false
  const clock = busyClock(() => {
    if (reorganised) return
    reorganised = true
    write((writer) => {
      writer.undo()
      const other = grow({ parent: chain.genesis, extra: 'other' })
      writer.apply(other)
      writer.apply(grow({ parent: other }))
    })
  })
  const { add, chain, grow, items, write } = replica({ clock })
  add()
  const answers = await items(Array.from({ length: 300 }, () => call('eth_getBalance', alice)))
  assert.ok(reorganised)
  assert.deepEqual(new Set(answers.map(result)), new Set(['0x2']))
})

test('in the middle of a large switch nothing is answered: a gateway asks another, and who has no other waits', async () => {
  const clock = createVirtualClock()
  const { add, ask, commit, grow, items, write } = replica({ clock })
  const first = add()
  write((writer) => writer.setCatchingUpTo(2))
  assert.deepEqual(await ask(call('eth_blockNumber'), { head: at(first) }), { kind: 'notHeld' })
  const late = items(call('eth_blockNumber'))
  await clock.advance(replicaLimits.waitTimeMaxMs.value)
  const { code, message } = error((await late)[0])
  assert.equal(code, -32005)
  assert.match(message, /large reorganisation/)
  const waiting = items(call('eth_blockNumber'))
  write((writer) => writer.setCatchingUpTo(undefined))
  commit(grow())
  assert.equal(result((await waiting)[0]), '0x2')
})

test("a gateway's body is answered at the head that it names, with the tags that it names", async () => {
  const { add, items } = replica()
  const [first, second] = [add(), add()]
  add()
  const head = { ...at(second), finalized: refOf(first.block.header) }
  const calls = [
    call('eth_blockNumber'),
    call('eth_getBalance', alice, 'latest'),
    call('eth_getBalance', alice, 'finalized'),
    call('eth_getBlockByHash', second.block.header.hash, false),
  ]
  const [number, latest, finalized, block] = (await items(calls, { head })).map(result)
  assert.deepEqual([number, latest, finalized], ['0x2', '0x2', '0x1'])
  assert.equal((block as { number: string }).number, '0x2')
})

test('nothing above the named head is shown, neither block nor transaction', async () => {
  const { add, items } = replica()
  const first = add()
  const second = add({ logs: [[]] })
  const hash = toHex(second.block.transactions[0]!.hash)
  const calls = [
    call('eth_getBlockByHash', second.block.header.hash, false),
    call('eth_getTransactionReceipt', hash),
    call('eth_getTransactionByHash', hash),
    call('eth_getBlockByNumber', '0x2', false),
  ]
  const [block, receipt, transaction, byNumber] = await items(calls, { head: at(first) })
  assert.equal(result(block), null)
  assert.equal(result(receipt), null)
  assert.equal(transaction?.kind, 'forward')
  assert.equal(byNumber?.kind, 'retry', 'it is announced: the gateway asks at its next head')
})

test('a head that is not on this chain, or above it, is not held', async () => {
  const { add, ask, grow, chain } = replica()
  add()
  const side = grow({ parent: chain.genesis, extra: 'side' })
  assert.deepEqual(await ask(call('eth_blockNumber'), { head: at(side) }), { kind: 'notHeld' })
  const above = chain.next()
  assert.deepEqual(await ask(call('eth_blockNumber'), { head: at(above) }), { kind: 'notHeld' })
})

test('a block above all that was announced is unknown at once, in the words of geth', async () => {
  const { add, items } = replica()
  add()
  const calls = [
    call('eth_getBlockByNumber', '0x2', false),
    call('eth_getBalance', alice, '0x2'),
    call('eth_getBalance', alice, `0x${'77'.repeat(32)}`),
    call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2' }),
    call('eth_getLogs', { fromBlock: '0x3', toBlock: '0x2' }),
  ]
  const [block, number, hash, logs, backwards] = await items(calls)
  assert.equal(result(block), null)
  assert.deepEqual(error(number), { code: -32000, message: 'header not found' })
  assert.deepEqual(error(hash), { code: -32000, message: 'header for hash not found' })
  assert.deepEqual(error(logs), { code: -32602, message: 'block range extends beyond current head block' })
  assert.deepEqual(error(backwards), { code: -32602, message: 'invalid block range params' })
})

test('an announced block is waited for, and the whole body read when it is there', async () => {
  const { add, board, items } = replica()
  add()
  board.announce(2)
  const answers = items([call('eth_blockNumber'), call('eth_getBalance', alice, '0x2')])
  await settled()
  add()
  assert.deepEqual((await answers).map(result), ['0x2', '0x2'])
})

test('what did not come in time is refused so that clients try again; the rest of its batch is answered', async () => {
  const clock: VirtualClock = createVirtualClock()
  const { add, board, items } = replica({ clock })
  add()
  board.announce(2)
  const answers = items([call('eth_getBalance', alice, '0x2'), call('eth_getBalance', alice, '0x1')])
  await clock.advance(501)
  const [late, early] = await answers
  assert.equal(late?.kind, 'retry')
  assert.deepEqual(error(late), { code: -32005, message: 'block 2 is not served here yet, try again' })
  assert.equal(result(early), '0x1')
})

test('X-Min-Block is waited for like an announced block', async () => {
  const clock = createVirtualClock()
  const { add, items } = replica({ clock })
  add()
  const answers = items(call('eth_blockNumber'), { minBlock: 2 })
  await settled()
  add()
  assert.deepEqual((await answers).map(result), ['0x2'])
  const tooLate = items([call('eth_blockNumber')], { minBlock: 9 })
  await clock.advance(501)
  assert.deepEqual(
    (await tooLate).map(({ kind }) => kind),
    ['retry'],
  )
})

test('before the end of the feed is reached nothing is answered but that', async () => {
  const chain = createChainBuilder()
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  board.setApplied(7)
  board.setFeedEnd(9)
  const answerer = createAnswerer(
    { clientVersion: '', serve: 'eager', callGasMax: 1, callTimeMaxMs: 1, cacheBytes: 0 },
    {
      store: openStore(memoryKeyValue(), { compress: stored }),
      board,
      config: chain.genesis.config,
      clock: createVirtualClock(),
      log: silent,
      meter: createMeterRegistry(),
      onceMoved: () => {},
    },
  )
  const body = utf8(JSON.stringify([call('eth_blockNumber'), 5]))
  const answer = await answerer.answer(body, { signal: new AbortController().signal })
  assert.ok('items' in answer)
  const message = 'not ready: catching up, position 7 of 9 of the feed'
  assert.deepEqual(error(answer.items[0]), { code: -32005, message })
  assert.equal(answer.items[0]?.kind, 'retry')
  assert.equal(error(answer.items[1]).code, -32600)
})

test('what only an execution client can know is forwarded, with what is said where none can be asked', async () => {
  const { add, items, write } = replica()
  for (let i = 0; i < 5; i++) add()
  write((writer) => assert.ok(writer.pruneHistory(3, 10_000)))
  const unknown = `0x${'55'.repeat(32)}`
  const expected: [Record<string, unknown>, unknown][] = [
    [call('eth_getTransactionByHash', unknown), { result: null }],
    [call('eth_getRawTransactionByHash', unknown), { result: '0x' }],
    [call('eth_getTransactionCount', alice, 'pending'), said('pending state is not available')],
    [call('eth_getBlockByNumber', 'pending', false), said('pending block is not available')],
    [
      call('eth_getBalance', alice, '0x2'),
      said('historical state of block 2 is not available: this replica holds the state of blocks 3 to 5'),
    ],
    [
      call('eth_sendRawTransaction', '0x00'),
      said('only an execution client can do this, and none can be asked here'),
    ],
  ]
  const answers = await items(expected.map(([question]) => question))
  for (const [i, [question, otherwise]] of expected.entries()) {
    const item = answers[i]
    assert.equal(item?.kind, 'forward', JSON.stringify(question))
    assert.deepEqual(JSON.parse(item.request), question)
    assert.deepEqual(JSON.parse(item.otherwise), { jsonrpc: '2.0', id: 1, ...(otherwise as object) })
  }
  function said(message: string) {
    return { error: { code: -32000, message } }
  }
})

test('a head whose state is gone is not held, and no client is asked for the state at another one', async () => {
  const { add, ask, items, write } = replica()
  const frames = [1, 2, 3, 4, 5].map(() => add())
  write((writer) => assert.ok(writer.pruneHistory(3, 10_000)))
  const [, second, third] = frames.map(at) as [HeadContext, HeadContext, HeadContext]
  const latest = call('eth_getBalance', alice, 'latest')
  assert.deepEqual(await ask(latest, { head: second }), { kind: 'notHeld' })
  assert.equal(result((await items(latest, { head: third }))[0]), '0x3')

  const [item] = await items(call('eth_getBalance', alice, 'finalized'), {
    head: { ...third, finalized: second.head },
  })
  assert.equal(item?.kind, 'retry')
  assert.deepEqual(error(item), {
    code: -32005,
    message: 'the state of block 2 is not kept here any more, try again',
  })
})

test('a receipt that is not in the view does not exist: no client is asked', async () => {
  const { add, items } = replica()
  add()
  assert.equal(result((await items(call('eth_getTransactionReceipt', `0x${'55'.repeat(32)}`)))[0]), null)
})

test('safe and finalized are not found before the first word on them', async () => {
  const { add, items } = replica()
  add()
  const answers = await items(['safe', 'finalized'].map((tag) => call('eth_getBlockByNumber', tag, false)))
  assert.deepEqual(
    answers.map((item) => error(item).message),
    ['safe block not found', 'finalized block not found'],
  )
})

test('notifications are answered with nothing, whatever became of them', async () => {
  const { add, items } = replica()
  add()
  const methods = ['eth_blockNumber', 'eth_nothing', 'eth_sendRawTransaction']
  const answers = await items(methods.map((method) => ({ jsonrpc: '2.0', method, params: [] })))
  assert.deepEqual(
    answers.map(({ kind }) => kind),
    ['silent', 'silent', 'silent'],
  )
})

const log = (n: number): Log => ({
  address: makeAddress(n),
  topics: [bigintTo(BigInt(n), 32)],
  data: utf8(`${n}`),
})

test('logs are filtered, in order, with their places', async () => {
  const { add, items } = replica()
  add({ logs: [[log(1), log(2)], [log(1)]] })
  add({ logs: [[log(3)]] })
  const [all] = (await items(call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2' }))).map(result)
  assert.deepEqual(
    (all as Record<string, string>[]).map((one) => [
      one['blockNumber'],
      one['transactionIndex'],
      one['logIndex'],
      one['data'],
    ]),
    [
      ['0x1', '0x0', '0x0', '0x31'],
      ['0x1', '0x0', '0x1', '0x32'],
      ['0x1', '0x1', '0x2', '0x31'],
      ['0x2', '0x0', '0x0', '0x33'],
    ],
  )
})

test('more logs than one answer takes are refused with a range that will do, as Infura says it', async () => {
  const { add, items } = replica()
  add({ logs: [[log(1)]] })
  add({ logs: [Array.from({ length: 9_999 }, () => log(2))] })
  add({ logs: [[log(3)]] })
  const [refused] = await items(call('eth_getLogs', { fromBlock: '0x0', toBlock: '0x3' }))
  assert.deepEqual(error(refused), {
    code: -32005,
    message: 'query returned more than 10000 results. Try with this block range [0x0, 0x2].',
    data: { from: '0x0', to: '0x2', limit: 10_000 },
  })
  const [fitting] = await items(call('eth_getLogs', { fromBlock: '0x0', toBlock: '0x2' }))
  assert.equal((result(fitting) as unknown[]).length, 10_000)
})

test('a wide range is refused with the widest that will do', async () => {
  const { chain, commit, items } = replica()
  const frames = Array.from({ length: 10_001 }, () => chain.next())
  commit(...frames)
  const [refused] = await items(call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2711' }))
  assert.match(error(refused).message, /^query exceeds the limit of 10000 blocks\. .*\[0x1, 0x2710\]\.$/)
  const [fitting] = await items(call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2710' }))
  assert.deepEqual(result(fitting), [])
})

test('calls and errors are counted by method and code; names of users are not', async () => {
  const { add, items, meter } = replica()
  add()
  await items([call('eth_blockNumber'), call('eth_made_up'), call('eth_made_up_too'), call('eth_getBalance')])
  const text = meter.render()
  assert.match(text, /drover_replica_requests_total\{method="eth_blockNumber"\} 1/)
  assert.match(text, /drover_replica_requests_total\{method="other"\} 2/)
  assert.match(text, /drover_replica_errors_total\{code="-32601"\} 2/)
  assert.match(text, /drover_replica_errors_total\{code="-32602"\} 1/)
  assert.doesNotMatch(text, /made_up/)
})

test('a batch whose answers together are too large is refused from there on', async () => {
  const clock = createVirtualClock()
  const { add, items } = replica({ clock })
  add({ logs: [[{ address: ALICE, topics: [], data: new Uint8Array(4_500_000) }]] })
  const asked = items(Array.from({ length: 5 }, () => call('eth_getLogs', { fromBlock: '0x1' })))
  await clock.advance(100) // others have their turn after each
  const answers = await asked
  assert.deepEqual(
    answers.map((item) => JSON.parse(textOf(item)).error?.code),
    [undefined, undefined, undefined, -32003, -32003],
  )
})

/** More than may go on and wait. */
const CROWD = 80

test('of bodies with more than one turn a few go on, some wait, and the rest is refused as worth trying again', async () => {
  const clock = createVirtualClock()
  const { add, items } = replica({ clock })
  add({ logs: [[{ address: ALICE, topics: [], data: new Uint8Array(200_000) }]] })
  const body = Array.from({ length: 3 }, () => call('eth_getLogs', { fromBlock: '0x1' }))
  const crowd = Array.from({ length: CROWD }, () => items(body))
  await clock.advance(1_000)
  const outcomes = (await Promise.all(crowd)).map((answers) => {
    const kinds = new Set(answers.map(({ kind }) => kind))
    assert.equal(kinds.size, 1, 'a body is answered or refused as a whole')
    return [...kinds][0]
  })
  const { longBodiesMax, longBodiesWaitingMax } = replicaLimits
  const admitted = longBodiesMax.value + longBodiesWaitingMax.value
  assert.equal(outcomes.filter((kind) => kind === 'encoded').length, admitted)
  assert.equal(outcomes.filter((kind) => kind === 'retry').length, CROWD - admitted)
  const later = items(body)
  await clock.advance(100)
  assert.ok(
    (await later).every(({ kind }) => kind === 'encoded'),
    'the lane is empty again',
  )
})

async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

test('a long body answered for a gateway keeps its place until its answer has left: what is not taken is not made', async () => {
  const clock = createVirtualClock()
  const { add, items } = replica({ clock })
  const frame = add({ logs: [[{ address: ALICE, topics: [], data: new Uint8Array(200_000) }]] })
  const body = Array.from({ length: 3 }, () => call('eth_getLogs', { fromBlock: '0x1' }))
  const head = at(frame)
  const places: (() => void)[] = []
  const answered: number[] = []
  const { longBodiesMax } = replicaLimits
  const crowd = Array.from({ length: longBodiesMax.value + 1 }, async (_, i) => {
    const answers = await items(body, { head, keepPlace: (leave) => void places.push(leave) })
    assert.ok(answers.every(({ kind }) => kind === 'encoded'))
    answered.push(i)
  })
  await clock.advance(1_000)
  assert.equal(answered.length, longBodiesMax.value)
  places.shift()?.()
  await clock.advance(1_000)
  await Promise.all(crowd)
  for (const leave of places) leave()
})

test('a block that was reorganised away is answered by its hash, in the state that it had', async () => {
  const { add, grow, write, commit, items } = replica()
  add()
  const leaves = add()
  const gone = add({ logs: [[{ address: ALICE, topics: [], data: new Uint8Array(1) }]] })
  const { hash } = gone.block.header
  write((writer) => {
    const undone = writer.undo()
    writer.putSide(fromHex(hash), encodeFrame(undone, stored))
  })
  const instead = grow({ parent: leaves, extra: 'instead', accounts: [] })
  commit(instead)
  const above = grow({ parent: instead })
  write((writer) => writer.putSide(fromHex(above.block.header.hash), encodeFrame(above, stored)))

  const results = (await items([
    call('eth_getBlockByHash', hash, false),
    call('eth_getBalance', alice, hash),
    call('eth_getBalance', alice, { blockHash: hash, requireCanonical: false }),
    call('eth_getBalance', alice, 'latest'),
    call('eth_getBlockReceipts', hash),
    call('eth_getLogs', { blockHash: hash }),
    call('eth_getBlockByNumber', '0x3', false),
    call('eth_getBlockByHash', above.block.header.hash, false),
  ])).map(result) as [
    { hash: string; number: string }, string, string, string,
    { blockHash: string }[], { blockHash: string; removed: boolean }[], { hash: string }, null,
  ] // biome-ignore format: one line a kind
  assert.deepEqual([results[0].hash, results[0].number], [hash, '0x3'])
  assert.deepEqual(results.slice(1, 4), ['0x3', '0x3', '0x2'], 'what Alice had there, and what she has')
  assert.equal(results[4][0]?.blockHash, hash)
  assert.deepEqual([results[5][0]?.blockHash, results[5][0]?.removed], [hash, false])
  assert.equal(results[6].hash, instead.block.header.hash)
  assert.equal(results[7], null, 'a block above the head is not served before its time')

  const [refused] = await items(call('eth_getBalance', alice, { blockHash: hash, requireCanonical: true }))
  assert.match(textOf(refused as Item), /"code":-32000,"message":"hash is not currently canonical"/)
  const [raw] = await items(call('debug_getRawHeader', { blockHash: hash, requireCanonical: true }))
  assert.equal(result(raw as Item), toHex(gone.block.header.rlp), 'geth does not look at it there')
})
