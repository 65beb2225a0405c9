import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createChunkedBody } from './message/request-body.ts'
import { compareHeads } from './testing/compare-heads.ts'
import { readByLlhttp } from './testing/llhttp.ts'

/** `npm run fuzz:http -- 300000` is the full size. */
const HEADS = 20_000

test('no mutated head is accepted that llhttp refuses or frames otherwise', () => {
  for (const seed of [12_345, Date.now() & 0xffff_ffff]) {
    const { acceptedByBoth, refusedByBoth, differences } = compareHeads(HEADS / 2, seed)
    assert.deepEqual(differences, [])
    assert.ok(acceptedByBoth > HEADS / 20 && refusedByBoth > HEADS / 20, 'the mutations hit both sides')
  }
})

const LIMITS = { bodyBytesMax: 10_000, chunksMax: 1_000 }
const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'

/** Chunked bodies, some of them broken in one place. */
const chunkedText = fc
  .tuple(
    fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), fc.boolean()), {
      maxLength: 6,
    }),
    fc.option(fc.tuple(fc.nat(), fc.constantFrom('\r', '\n', '\0', ' ', ';a', '0', 'g', '-', '\r\n', '')), {
      nil: undefined,
    }),
  )
  .map(([chunks, broken]) => {
    const lines = chunks.map(([data, upper]) => {
      const size = data.length.toString(16)
      return `${upper ? size.toUpperCase() : size}\r\n${data}\r\n`
    })
    const text = `${lines.join('')}0\r\n\r\n`
    if (broken === undefined) return text
    const at = broken[0] % text.length
    return text.slice(0, at) + broken[1] + text.slice(at + 1)
  })

function readChunked(text: string, cuts: readonly number[]) {
  const reader = createChunkedBody(LIMITS)
  const bytes = Buffer.from(text, 'latin1')
  let used = 0
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  for (const end of ends) {
    if (end <= used || reader.state !== 'more') continue
    used += reader.take(bytes.subarray(used, end), 0)
  }
  return { state: reader.state, used, body: Buffer.from(reader.body).toString('latin1') }
}

test('a chunked body that we accept is the same body for llhttp, and ends at the same byte', () => {
  let whole = 0
  fc.assert(
    fc.property(chunkedText, (text) => {
      const ours = readChunked(text, [])
      if (ours.state !== 'whole') return
      whole++
      const theirs = readByLlhttp(Buffer.from(HEAD + text.slice(0, ours.used), 'latin1'))
      assert.equal(theirs.refused, false)
      assert.equal(theirs.messages, 1)
      assert.equal(theirs.body, ours.body)
    }),
    { numRuns: 3_000 },
  )
  assert.ok(whole > 500)
})

test('a chunked body is the same however it is cut into pieces', () => {
  fc.assert(
    fc.property(chunkedText, fc.array(fc.nat(), { maxLength: 400 }), (text, cuts) => {
      assert.deepEqual(readChunked(text, cuts), readChunked(text, []))
    }),
    { numRuns: 2_000 },
  )
})
