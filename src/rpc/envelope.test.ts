import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { utf8 } from '#kernel/bytes.ts'
import { BODY_LIMITS, type Body, readBody } from './envelope.ts'

const read = (text: string): Body => readBody(utf8(text))

function calls(body: Body) {
  assert.equal(body.kind, 'calls')
  return body.items.map((item) => (item.kind === 'call' ? item.call : assert.fail(item.json)))
}
function refusal(body: Body): unknown {
  assert.equal(body.kind, 'refused')
  return JSON.parse(body.json)
}
const refused = (code: number, message: string) => ({ jsonrpc: '2.0', id: null, error: { code, message } })

const aCall = fc.record(
  {
    jsonrpc: fc.constant('2.0'),
    id: fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.string(), fc.constant(null), fc.boolean()),
    method: fc.string({ minLength: 1 }),
    params: fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 4 }),
    more: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ['jsonrpc', 'method'] },
)
const spaces = fc.constantFrom('', ' ', '\n', '\t\r\n ')

test('any single call is read as it was written', () => {
  fc.assert(
    fc.property(aCall, fc.constantFrom(undefined, 1, ' '), spaces, (call, indent, around) => {
      const text = JSON.stringify(call, undefined, indent)
      const body = read(around + text + around)
      const [found] = calls(body)
      assert.equal(body.kind === 'calls' && body.batch, false)
      assert.deepEqual(JSON.parse(found?.idText as string), JSON.parse(JSON.stringify(call.id ?? null)))
      assert.equal(found?.notification, !('id' in call))
      assert.equal(found?.method, call.method)
      assert.deepEqual(found?.params, JSON.parse(text).params)
      assert.equal(found?.requestText, text)
    }),
  )
})

test('any batch is read as its calls, in order', () => {
  fc.assert(
    fc.property(fc.array(aCall, { minLength: 1, maxLength: 5 }), spaces, (batch, space) => {
      const texts = batch.map((call) => JSON.stringify(call))
      const body = read(`${space}[${texts.map((text) => space + text).join(`${space},`)}${space}]`)
      assert.equal(body.kind === 'calls' && body.batch, true)
      assert.deepEqual(
        calls(body).map(({ requestText }) => requestText),
        texts,
      )
    }),
  )
})

test('whatever bytes come, they are calls or one refusal, and JSON.parse reads what is sent back', () => {
  const hostile = fc.oneof(
    fc.string(),
    fc
      .array(
        fc.constantFrom(
          '{',
          '}',
          '[',
          ']',
          '"',
          ',',
          ':',
          '1',
          ' ',
          '\\',
          'null',
          '"id"',
          '"method"',
          '"jsonrpc":"2.0"',
        ),
      )
      .map((parts) => parts.join('')),
    fc.tuple(aCall, fc.nat(200), fc.string({ maxLength: 2 })).map(([call, at, edit]) => {
      const text = JSON.stringify(call)
      return text.slice(0, at) + edit + text.slice(at + 1)
    }),
  )
  fc.assert(
    fc.property(hostile, (text) => {
      const body = read(text)
      if (body.kind === 'refused') return void JSON.parse(body.json)
      JSON.parse(text) // nothing is accepted that is not JSON
      for (const item of body.items) JSON.parse(item.kind === 'call' ? item.call.idText : item.json)
    }),
    { numRuns: 2_000 },
  )
})

test('an id comes back digit by digit', () => {
  for (const id of [
    '9007199254740993',
    '1.0',
    '1e2',
    '-0',
    '0',
    '123456789012345',
    '"a\\u0041\\n"',
    '"é"',
    'null',
    'true',
  ]) {
    const shapes = [
      `{"jsonrpc":"2.0","id":${id},"method":"m"}`,
      `{"jsonrpc": "2.0", "method": "m", "params": [], "id": ${id}}`,
      `{"method":"m","params":[{"id":7}],"id":${id},"jsonrpc":"2.0"}`,
      `{"id" : ${id} ,"method":"m","params":{"id":8},"jsonrpc":"2.0"}`,
    ]
    for (const text of shapes) assert.equal(calls(read(text))[0]?.idText, id, text)
  }
})

test('bytes that are no UTF-8 and texts that are no JSON are a parse error', () => {
  const error = refused(-32700, 'parse error')
  assert.deepEqual(refusal(readBody(Uint8Array.of(0x22, 0xff, 0x22))), error)
  for (const text of ['{', '}', '[', '[1', '{"a":1', '{}x', '[{},]', '{"a" 1}', '"', '[{]}', '[1}', '[{}}'])
    assert.deepEqual(refusal(read(text)), error, text)
})

test('a body is bounded before anything is made of it', () => {
  const one = '{"jsonrpc":"2.0","id":3,"method":"m"}'
  const { elementsMax, depthMax, valuesMax } = BODY_LIMITS
  const batch = (count: number): string => `[${Array.from({ length: count }, () => one).join(',')}]`
  assert.equal(calls(read(batch(elementsMax))).length, elementsMax)
  assert.deepEqual(refusal(read(batch(elementsMax + 1))), [{ ...refused(-32600, 'batch too large'), id: 3 }])
  // Each element that is no JSON costs an error to find out: one is enough.
  assert.deepEqual(refusal(read(`[${','.repeat(elementsMax + 1)}]`)), refused(-32700, 'parse error'))
  const nested = (depth: number): string =>
    `{"jsonrpc":"2.0","id":1,"method":"m","params":${'['.repeat(depth)}${']'.repeat(depth)}}`
  assert.equal(calls(read(nested(depthMax - 1))).length, 1)
  assert.deepEqual(
    refusal(read(nested(depthMax))),
    refused(-32600, `the request nests deeper than ${depthMax}`),
  )
  assert.deepEqual(
    refusal(read(nested(1_000_000))),
    refused(-32600, `the request nests deeper than ${depthMax}`),
  )
  const wide = `{"jsonrpc":"2.0","id":1,"method":"m","params":[${'{},'.repeat(valuesMax)}{}]}`
  assert.deepEqual(refusal(read(wide)), refused(-32600, `the request holds more than ${valuesMax} values`))
})

test('names from prototypes are names like others', () => {
  const [found] = calls(
    read(
      '{"jsonrpc":"2.0","id":1,"method":"__proto__","params":[{"__proto__":{"x":1}}],"__proto__":{"method":"other"}}',
    ),
  )
  assert.equal(found?.method, '__proto__')
  assert.equal(({} as { x?: unknown }).x, undefined)
})

test('a list that something has been done to is calls where it still is JSON, each as if it had come alone', () => {
  const scrap = fc.constantFrom(
    ',',
    '"',
    '[',
    ']',
    '{',
    '}',
    '\\',
    '\\"',
    ' ',
    '1',
    '"id":5,',
    '\u00e9',
    '\u00a0',
  )
  const list = fc.array(aCall, { minLength: 1, maxLength: 4 })
  const change = fc.record({ at: fc.nat(), cut: fc.nat(2), scrap })
  fc.assert(
    fc.property(list, fc.array(change, { maxLength: 2 }), spaces, (asked, changes, around) => {
      const text = changes.reduce((before, { at, cut, scrap }) => {
        const place = 1 + (at % (before.length - 1))
        return before.slice(0, place) + scrap + before.slice(place + cut)
      }, JSON.stringify(asked))
      const body = read(around + text + around)
      let values: unknown
      try {
        values = JSON.parse(text)
      } catch {
        assert.equal(body.kind, 'refused')
        return
      }
      if (!Array.isArray(values) || values.length === 0) return assert.equal(body.kind, 'refused')
      assert(body.kind === 'calls' && body.batch)
      assert.equal(body.items.length, values.length)
      for (const item of body.items)
        if (item.kind === 'call')
          assert.deepEqual(read(item.call.requestText), { kind: 'calls', batch: false, items: [item] })
    }),
    { numRuns: 1_000 },
  )
})
