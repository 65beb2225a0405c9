/** What every KeyValue promises; run against memory and LMDB. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '#kernel/bytes.ts'
import {
  type KeyValue,
  KEY_BYTES_MAX,
  type ReadTx,
  type Row,
  type Table,
  VALUE_BYTES_MAX,
} from './key-value.ts'

export interface KeyValueContractOptions {
  readonly name: string
  /** An empty store. */
  readonly open: () => KeyValue
  readonly numRuns: number
}

export function keyValueContract({ name, open, numRuns }: KeyValueContractOptions): void {
  const using = async (run: (kv: KeyValue) => void): Promise<void> => {
    const kv = open()
    try {
      run(kv)
    } finally {
      await kv.close()
    }
  }

  test(`${name}: a snapshot keeps what it showed while later transactions commit`, () =>
    using((kv) => {
      kv.write((tx) => tx.put('meta', bytes('a'), bytes('1')))
      const before = kv.read()
      kv.write((tx) => {
        tx.put('meta', bytes('a'), bytes('2'))
        tx.put('meta', bytes('b'), bytes('3'))
      })
      const after = kv.read()
      assert.equal(text(before.get('meta', bytes('a'))), '1')
      assert.equal(before.get('meta', bytes('b')), undefined)
      assert.equal(text(after.get('meta', bytes('a'))), '2')
      assert.equal(text(after.get('meta', bytes('b'))), '3')
      before.release()
      after.release()
    }))

  test(`${name}: a transaction that throws leaves nothing, and the next one works`, () =>
    using((kv) => {
      kv.write((tx) => tx.put('meta', bytes('a'), bytes('1')))
      const thrown = new Error('changed my mind')
      assert.throws(
        () =>
          kv.write((tx) => {
            tx.put('meta', bytes('a'), bytes('2'))
            tx.put('side', bytes('b'), bytes('2'))
            tx.remove('meta', bytes('a'))
            throw thrown
          }),
        thrown,
      )
      kv.write((tx) => tx.put('logs', bytes('c'), bytes('3')))
      reading(kv, (tx) => {
        assert.equal(text(tx.get('meta', bytes('a'))), '1')
        assert.equal(tx.get('side', bytes('b')), undefined)
        assert.equal(text(tx.get('logs', bytes('c'))), '3')
      })
    }))

  test(`${name}: a transaction reads its own writes and tells whether a row was there`, () =>
    using((kv) => {
      const result = kv.write((tx) => {
        tx.put('meta', bytes('b'), bytes('1'))
        assert.equal(text(tx.get('meta', bytes('b'))), '1')
        assert.equal(text(tx.seek('meta', bytes('a'))?.value), '1')
        tx.put('meta', bytes('b'), bytes('22'))
        assert.equal(text(tx.seekBefore('meta', bytes('c'))?.value), '22')
        assert.equal(tx.remove('meta', bytes('b')), true)
        assert.equal(tx.remove('meta', bytes('b')), false)
        assert.equal(tx.get('meta', bytes('b')), undefined)
        assert.equal(tx.seek('meta', bytes('a')), undefined)
        return 'done'
      })
      assert.equal(result, 'done')
    }))

  test(`${name}: a value that was read may be written as it is`, () =>
    using((kv) => {
      kv.write((tx) => {
        tx.put('meta', bytes('a'), bytes('value'))
        tx.put('side', bytes('b'), tx.get('meta', bytes('a')) as Uint8Array)
        const row = tx.seek('side', bytes('b')) as Row
        tx.put('logs', row.key, row.key)
      })
      reading(kv, (tx) => {
        assert.equal(text(tx.get('side', bytes('b'))), 'value')
        assert.equal(text(tx.get('logs', bytes('b'))), 'b')
      })
    }))

  test(`${name}: a slice of what was read is a copy that the next read does not change`, () =>
    using((kv) => {
      kv.write((tx) => {
        for (const name of ['one', 'two']) tx.put('meta', bytes(name), bytes(name))
      })
      reading(kv, (tx) => {
        const first = tx.get('meta', bytes('one'))?.slice()
        const row = tx.seek('meta', bytes('one')) as Row
        const [key, value] = [row.key.slice(), row.value.slice()]
        tx.get('meta', bytes('two'))
        tx.next('meta')
        for (const kept of [first, key, value]) assert.equal(text(kept), 'one')
      })
    }))

  test(`${name}: keys of 1 to 480 bytes and values of 0 to 1.9 KB are kept exactly`, () =>
    using((kv) => {
      const sizes = [1, 2, 7, 8, 9, 31, 32, 33, 100, 255, 256, 479, KEY_BYTES_MAX]
      const values = [0, 1, 31, 100, 1_000, VALUE_BYTES_MAX - 1, VALUE_BYTES_MAX]
      const rows = sizes.flatMap((size) =>
        values.map((length, i) => ({ key: filled(size, i), value: filled(length, size) })),
      )
      kv.write((tx) => {
        for (const { key, value } of rows) tx.put('side', key, value)
      })
      reading(kv, (tx) => {
        for (const { key, value } of rows) assert.deepEqual(plain(tx.get('side', key)), value)
      })
      assert.throws(() => kv.write((tx) => tx.put('side', new Uint8Array(), bytes('x'))))
      assert.throws(() => kv.write((tx) => tx.put('side', filled(KEY_BYTES_MAX + 1, 1), bytes('x'))))
      assert.throws(() => kv.write((tx) => tx.put('side', bytes('x'), filled(VALUE_BYTES_MAX + 1, 1))))
    }))

  test(`${name}: every read equals a sorted list, through random writes, in and after the transaction`, () =>
    using((kv) => {
      fc.assert(
        fc.property(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 8 }), (transactions) => {
          clear(kv, 'history')
          const model = new Map<string, Row>()
          for (const changes of transactions) {
            kv.write((tx) => {
              for (const each of changes) applyTo(model, tx, each)
              compareAll(tx, model)
            })
            reading(kv, (tx) => compareAll(tx, model))
          }
        }),
        { numRuns },
      )
    }))
}

/** Keys that are prefixes of each other, with the lowest and highest bytes. */
const key = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((raw) => raw.map((b) => [0, 1, 127, 255][b % 4] as number))
const change = fc.record({
  key,
  value: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }),
  how: fc.constantFrom('put', 'insert', 'append'),
})

function applyTo(
  model: Map<string, Row>,
  tx: Parameters<Parameters<KeyValue['write']>[0]>[0],
  { key: at, value, how }: typeof change extends fc.Arbitrary<infer Change> ? Change : never,
): void {
  if (value === undefined) assert.equal(tx.remove('history', at), model.delete(String(at)))
  else if (how === 'insert') {
    assert.equal(tx.insert('history', at, value), !model.has(String(at)))
    if (!model.has(String(at))) model.set(String(at), { key: at, value })
  } else {
    if (how === 'append') tx.append('history', at, value)
    else tx.put('history', at, value)
    model.set(String(at), { key: at, value })
  }
}

function compareAll(tx: Omit<ReadTx, 'release'>, model: Map<string, Row>): void {
  const rows = [...model.values()].sort((a, b) => compareBytes(a.key, b.key))
  const probes = [
    ...rows.map((row) => row.key),
    Uint8Array.of(0),
    Uint8Array.of(1, 0),
    Uint8Array.of(255, 255, 255, 255),
  ]
  for (const probe of probes) {
    const first = rows.findIndex((row) => compareBytes(row.key, probe) >= 0)
    const from = first === -1 ? [] : rows.slice(first)
    assert.deepEqual(plain(tx.get('history', probe)), model.get(String(probe))?.value)
    assert.deepEqual(
      plainRow(tx.seekBefore('history', probe)),
      rows[(first === -1 ? rows.length : first) - 1],
    )
    const found: Row[] = []
    for (let row = tx.seek('history', probe); row !== undefined; row = tx.next('history')) {
      found.push(plainRow(row) as Row)
      tx.seekBefore('history', probe) // does not move next
    }
    assert.deepEqual(found, from)
    assert.equal(tx.next('history'), undefined)
  }
}

function clear(kv: KeyValue, table: Table): void {
  kv.write((tx) => {
    for (let row = tx.seek(table, Uint8Array.of(0)); row; row = tx.seek(table, Uint8Array.of(0)))
      tx.remove(table, row.key)
  })
}

function reading(kv: KeyValue, read: (tx: ReadTx) => void): void {
  const tx = kv.read()
  read(tx)
  tx.release()
}

function plainRow(row: Row | undefined): Row | undefined {
  return row && { key: plain(row.key) as Uint8Array, value: plain(row.value) as Uint8Array }
}

function plain(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && Uint8Array.from(value)
}

function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + length) & 255)
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

function text(value: Uint8Array | undefined): string | undefined {
  return value && new TextDecoder().decode(value)
}
