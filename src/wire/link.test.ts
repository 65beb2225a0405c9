import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockHash } from '#chain/block/block-ref.ts'
import { toHex } from '#kernel/bytes.ts'
import { concatBytes, joinParts, utf8 } from '#kernel/bytes.ts'
import { type Chunks, createChunks } from '#kernel/chunks.ts'
import { Fault } from '#kernel/fault.ts'
import {
  type AnswerCollector,
  CHUNK_BYTES,
  createAnswerCollector,
  encodeAnswer as answerParts,
  type LinkAnswer,
  type LinkItem,
  PIECE_BYTES_MAX,
  type Piece,
  piecesOf as pieceParts,
} from './link-answer.ts'
import {
  createHeadMemo,
  decodeToGateway,
  decodeToReplica,
  encodePiece,
  encodeToGateway as encodeShort,
  encodeToReplica,
  LINK_PHASES,
  LINK_VERSION,
  type LinkHead,
  REFUSALS,
  STREAMS_MAX,
  streamAddress,
  type ToGateway,
  type ToReplica,
} from './link.ts'

/** As one array, as a transport puts them together. */
const encodeAnswer = (answer: LinkAnswer): Uint8Array => concatBytes(...answerParts(answer))
const encodeToGateway = (message: ToGateway): Uint8Array =>
  message.kind === 'piece'
    ? concatBytes(...encodePiece(message.id, { last: message.last, parts: [message.bytes] }))
    : encodeShort(message)

/** What a receiver reads of an answer that a sender cuts. */
function piecesOf(id: number, answer: LinkAnswer): Piece[] {
  return [...pieceParts(answerParts(answer))].map((piece) => {
    const message = decodeToGateway(concatBytes(...encodePiece(id, piece)))
    assert(message.kind === 'piece')
    const { kind: _, ...rest } = message
    return rest
  })
}

const chunks = createChunks(CHUNK_BYTES, 16)

/** As a transport lends a message: its bytes are others afterwards. */
function addLent(collector: AnswerCollector, piece: Piece): LinkAnswer | undefined {
  const bytes = piece.bytes.slice()
  const answer = collector.add({ ...piece, bytes })
  bytes.fill(1)
  return answer
}

const record = ((model: never, constraints?: object) =>
  fc.record(model, { noNullPrototype: true, ...constraints } as never)) as typeof fc.record

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const u64 = fc.maxSafeNat()
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const bytes = fc.uint8Array({ maxLength: 200 })
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => toHex(b) as BlockHash)
const head: fc.Arbitrary<LinkHead> = fc
  .tuple(u64, fc.array(record({ number: u64, hash }), { minLength: 3, maxLength: 3 }))
  .map(([position, blocks]) => {
    const [finalized, safe, top] = blocks.toSorted((a, b) => a.number - b.number)
    assert(finalized !== undefined && safe !== undefined && top !== undefined)
    return { position, head: top, safe, finalized }
  })
const maybe = fc.option(u64, { nil: undefined })

const toReplica: fc.Arbitrary<ToReplica> = fc.oneof(
  record({ kind: fc.constant('hello'), version: fc.constant(LINK_VERSION), gateway: text }),
  record({ kind: fc.constant('request'), id: u32, head, deadlineMs: u32, body: bytes }),
  record({ kind: fc.constant('cancel'), id: u32 }),
  record({ kind: fc.constant('askFeedEnd'), nonce: u32 }),
)
const toGateway: fc.Arbitrary<ToGateway> = fc.oneof(
  record({
    kind: fc.constant('hello'),
    version: fc.constant(LINK_VERSION),
    cluster: text,
    chainId: u64,
    genesisHash: hash,
    generation: u32,
    replica: text,
    streams: fc.integer({ min: 1, max: STREAMS_MAX }),
  }),
  record({
    kind: fc.constant('status'),
    phase: fc.constantFrom(...LINK_PHASES),
    applied: u64,
    head,
    announcedNumber: maybe,
    verifiedNumber: maybe,
    inFlight: u32,
    historyFrom: u64,
    chainFrom: u64,
    feedFirst: maybe,
    feedCoverSeconds: maybe,
  }),
  record({ kind: fc.constant('piece'), id: u32, last: fc.boolean(), bytes }),
  record({ kind: fc.constant('notHeld'), id: u32 }),
  record({ kind: fc.constant('refused'), id: u32, why: fc.constantFrom(...REFUSALS) }),
  record({ kind: fc.constant('feedEnd'), nonce: u32, next: u64 }),
)

test('every message to a replica reads back as it was written', () => {
  fc.assert(fc.property(toReplica, (m) => assert.deepEqual(decodeToReplica(encodeToReplica(m)), m)))
})

test('requests of one stream read back as they were written, whatever heads were named before', () => {
  const request = record({
    kind: fc.constant('request'),
    id: u32,
    head: fc.nat(2),
    deadlineMs: u32,
    body: bytes,
  })
  fc.assert(
    fc.property(fc.array(head, { minLength: 3, maxLength: 3 }), fc.array(request), (heads, requests) => {
      const [written, read] = [createHeadMemo(), createHeadMemo()]
      for (const one of requests) {
        const message: ToReplica = { ...one, head: heads[one.head] as LinkHead }
        const sent = encodeToReplica(message, written)
        assert.deepEqual(sent, encodeToReplica(message))
        assert.deepEqual(decodeToReplica(sent, read), message)
      }
    }),
  )
})

test('every message to a gateway reads back as it was written', () => {
  fc.assert(fc.property(toGateway, (m) => assert.deepEqual(decodeToGateway(encodeToGateway(m)), m)))
})

test('a message that is cut short or has a byte too many is refused as a whole', () => {
  fc.assert(
    fc.property(toGateway, fc.nat(), (message, at) => {
      const whole = encodeToGateway(message)
      const cut = whole.slice(0, at % whole.length)
      const longer = new Uint8Array([...whole, 0])
      for (const wrong of [cut, longer]) assert.throws(() => decodeToGateway(wrong), isLinkFault)
    }),
  )
})

test('arbitrary bytes are a message or wire/link, never another failure', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (wild) => {
      for (const decode of [decodeToGateway, decodeToReplica])
        try {
          decode(wild)
        } catch (thrown) {
          assert(isLinkFault(thrown), String(thrown))
        }
    }),
  )
})

test('of a hello of another version only the version is read', () => {
  const later = encodeToReplica({ kind: 'hello', version: 9, gateway: 'g' })
  assert.deepEqual(decodeToReplica(later), { kind: 'hello', version: 9, gateway: '' })
})

const json = fc.string({ unit: 'grapheme', maxLength: 300 })
const item: fc.Arbitrary<LinkItem> = fc.oneof(
  record({ kind: fc.constant('answered'), json }),
  record({ kind: fc.constant('silent') }),
  record({ kind: fc.constant('forward'), request: json, otherwise: json }),
  record({ kind: fc.constant('retry'), json }),
)
const answer = record(
  {
    batch: fc.boolean(),
    items: fc.array(item),
    block: record({ number: u64, hash }),
    verifiedNumber: u64,
  },
  { requiredKeys: ['batch', 'items'] },
)

test('answers come together from pieces that are interleaved on the stream', () => {
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 5 }), (answers) => {
      const collector = createAnswerCollector(chunks)
      const queues = answers.map((a, id) => piecesOf(id, a))
      const got = new Map<number, unknown>()
      while (queues.some((queue) => queue.length > 0))
        for (const queue of queues) {
          const piece = queue.shift()
          const whole = piece && addLent(collector, piece)
          if (piece !== undefined && whole !== undefined) got.set(piece.id, whole)
        }
      assert.deepEqual(
        [...got].toSorted(([a], [b]) => a - b).map(([, a]) => a),
        answers,
      )
    }),
  )
})

test('a big answer travels in pieces of at most 64 KiB and comes together', () => {
  const big = { batch: false, items: [{ kind: 'answered', json: 'é'.repeat(200_000) }] } as const
  const pieces = piecesOf(7, big)
  assert(pieces.length > 6)
  for (const piece of pieces) assert(encodeToGateway({ kind: 'piece', ...piece }).length <= 64 * 1024)
  const collector = createAnswerCollector(chunks)
  const answer = pieces.map((piece) => addLent(collector, piece)).at(-1)
  const [item] = answer?.items ?? []
  assert(answer?.batch === false && item?.kind === 'encoded', 'what is long stays bytes')
  assert.deepEqual(joinParts(item.parts), utf8(big.items[0].json))
})

test('long answers lie in chunks, which are taken again once they are given back or nobody waits for them', () => {
  const made: Uint8Array[] = []
  const free = new Set<Uint8Array>()
  const counted: Chunks = {
    bytesEach: CHUNK_BYTES,
    take() {
      const [chunk = new Uint8Array(CHUNK_BYTES)] = free
      if (!free.delete(chunk)) made.push(chunk)
      return chunk
    },
    give: (chunk) => void free.add(chunk),
  }
  const collector = createAnswerCollector(counted)
  for (const length of [2_000, 20_000, 60_000, 160_000, 300_000])
    for (const batch of [false, true]) {
      const parts = [utf8('x'.repeat(length))]
      const items = batch
        ? [{ kind: 'encoded', parts }, { kind: 'silent' }, { kind: 'encoded', parts }]
        : [{ kind: 'encoded', parts }]
      const sent = { batch, items: items as LinkItem[] }
      const cut = piecesOf(1, sent).slice(0, -1)
      for (const piece of cut) addLent(collector, piece)
      collector.drop(1)
      assert.equal(free.size, made.length, 'what was dropped')
      const got = piecesOf(1, sent)
        .map((piece) => addLent(collector, piece))
        .at(-1)
      const texts = got?.items.map((item) => (item.kind === 'encoded' ? joinParts(item.parts) : undefined))
      assert.deepEqual(texts, batch ? [parts[0], undefined, parts[0]] : parts)
      got?.free?.()
      assert.equal(free.size, made.length, 'what was read')
    }
  assert(made.length > 8 && made.length < 20)
})

test('an answer that is bytes is on the wire what its text would be', () => {
  fc.assert(
    fc.property(fc.string(), (json) => {
      const parts = [json.slice(0, 3), utf8(json.slice(3, 5)), json.slice(5)]
      const encoded = encodeAnswer({ batch: false, items: [{ kind: 'encoded', parts }] })
      assert.deepEqual(encoded, encodeAnswer({ batch: false, items: [{ kind: 'answered', json }] }))
    }),
  )
})

test('an endless answer is refused at its limit', () => {
  const collector = createAnswerCollector(chunks)
  const piece = { id: 1, last: false, bytes: new Uint8Array(PIECE_BYTES_MAX) }
  assert.throws(() => {
    for (let i = 0; i < 1_000; i++) collector.add(piece)
  }, isLinkFault)
})

function isLinkFault(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === 'wire/link'
}

test("a replica's streams listen at the next ports, or at the next names of its socket", () => {
  const three = (first: string): string[] => [0, 1, 2].map((n) => streamAddress(first, n))
  assert.deepEqual(three('127.0.0.1:8556'), ['127.0.0.1:8556', '127.0.0.1:8557', '127.0.0.1:8558'])
  assert.deepEqual(three('[::1]:8556'), ['[::1]:8556', '[::1]:8557', '[::1]:8558'])
  assert.deepEqual(three('unix:/run/r1'), ['unix:/run/r1', 'unix:/run/r1.1', 'unix:/run/r1.2'])
})
