import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { decodeRlp, decodeRlpAt, encodeRlp, type RlpItem } from './rlp.ts'

/** The Yellow Paper's equations, one for one: slow, with numbers as hex text. */
function slowEncode(item: RlpItem): string {
  if (item instanceof Uint8Array) {
    const text = toHex(item).slice(2)
    return item.length === 1 && (item[0] as number) < 128 ? text : slowPrefix(128, item.length) + text
  }
  const text = item.map(slowEncode).join('')
  return slowPrefix(192, text.length / 2) + text
}

function slowPrefix(offset: number, length: number): string {
  const hex = (value: number): string => {
    const digits = value.toString(16)
    return digits.length % 2 === 0 ? digits : `0${digits}`
  }
  return length < 56 ? hex(offset + length) : hex(offset + 55 + hex(length).length / 2) + hex(length)
}

const { item: anyItem } = fc.letrec<{ item: RlpItem }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.uint8Array({ maxLength: 80 }),
    fc.uint8Array({ minLength: 1, maxLength: 1 }),
    fc.array(tie('item'), { maxLength: 6 }),
  ),
}))

const isRefused = (thrown: unknown): boolean => faultCode(thrown) === 'chain/rlp'

test('the examples of the specification are encoded as it says', () => {
  const cases: [RlpItem, string][] = [
    [utf8('dog'), '0x83646f67'],
    [[utf8('cat'), utf8('dog')], '0xc88363617483646f67'],
    [new Uint8Array(0), '0x80'],
    [[], '0xc0'],
    [Uint8Array.of(0), '0x00'],
    [Uint8Array.of(15), '0x0f'],
    [Uint8Array.of(4, 0), '0x820400'],
    [[[], [[]], [[], [[]]]], '0xc7c0c1c0c3c0c1c0'],
    [utf8('Lorem ipsum dolor sit amet, consectetur adipisicing elit'), '0xb8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e6720656c6974'],
  ] // biome-ignore format: one table
  for (const [item, hex] of cases) {
    assert.equal(toHex(encodeRlp(item)), hex)
    assert.deepEqual(decodeRlp(fromHex(hex)), item)
  }
})

test('items are encoded as the equations say, and read back', () => {
  fc.assert(
    fc.property(anyItem, (item) => {
      const rlp = encodeRlp(item)
      assert.equal(toHex(rlp), `0x${slowEncode(item)}`)
      assert.deepEqual(decodeRlp(rlp), item)
    }),
  )
})

test('bytes are accepted only where they are what their item encodes to', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    // Almost canonical: an encoding with one byte changed, added or taken away.
    fc.tuple(anyItem, fc.nat(), fc.nat(255)).map(([item, at, value]) => {
      const rlp = encodeRlp(item)
      rlp[at % rlp.length] = value
      return value % 3 === 0 ? rlp.subarray(0, -1) : value % 3 === 1 ? Uint8Array.of(...rlp, value) : rlp
    }),
  )
  fc.assert(
    fc.property(bytes, (input) => {
      let item: RlpItem
      try {
        item = decodeRlp(input)
      } catch (thrown) {
        assert.ok(isRefused(thrown), String(thrown))
        return
      }
      assert.equal(`0x${slowEncode(item)}`, toHex(input))
    }),
    { numRuns: 2_000 },
  )
})

test('each form that is not canonical is refused', () => {
  const cases = {
    'no bytes': '0x',
    'bytes after the item': '0x8000',
    'a small byte with a prefix': '0x8105',
    'the largest small byte with a prefix': '0x817f',
    'a short length in the long form': '0xb801ff',
    'the largest short length in the long form': `0xb837${'00'.repeat(55)}`,
    'a list of it in the long form': `0xf837${'00'.repeat(55)}`,
    'a length with a leading zero': '0xb90038' + '00'.repeat(56),
    'a text longer than the bytes': '0x83646f',
    'a list longer than the bytes': '0xc883636174',
    'an item that passes the end of its list': '0xc283646f67',
    'a length of nine bytes': '0xbf010000000000000000',
  }
  for (const [what, hex] of Object.entries(cases))
    assert.throws(() => decodeRlp(fromHex(hex)), isRefused, what)
})

test('depth, items and bytes have limits', () => {
  const nested = (depth: number): RlpItem => (depth === 0 ? [] : [nested(depth - 1)])
  decodeRlp(encodeRlp(nested(15)))
  assert.throws(() => decodeRlp(encodeRlp(nested(16))), isRefused)

  const five = encodeRlp([[], [], [], []])
  decodeRlp(five, { itemsMax: 5, bytesMax: 5 })
  assert.throws(() => decodeRlp(five, { itemsMax: 4, bytesMax: 5 }), isRefused)
  assert.throws(() => decodeRlp(five, { itemsMax: 5, bytesMax: 4 }), isRefused)
})

test('items one after another are read each from where the last ended', () => {
  const file = Uint8Array.of(...encodeRlp(utf8('one')), ...encodeRlp([utf8('two')]), 5)
  const read: RlpItem[] = []
  for (let at = 0; at < file.length; ) {
    const { item, end } = decodeRlpAt(file, at)
    read.push(item)
    at = end
  }
  assert.deepEqual(read, [utf8('one'), [utf8('two')], Uint8Array.of(5)])
})
