import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import '#test/support/core.ts'
import { toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { blockFromRlp } from '#chain/block/block-rlp.ts'
import { parseGenesis } from './genesis-file.ts'
import { decodeRlpAt } from '#chain/codec/rlp.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'

const OLD = {
  homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0, constantinopleBlock: 0, petersburgBlock: 0,
  istanbulBlock: 0, berlinBlock: 0, londonBlock: 0,
} // biome-ignore format: one table
const MERGED = { ...OLD, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0, pragueTime: 0 }
const A = `0x${'a1'.repeat(20)}`

const genesis = (parts: Record<string, unknown> = {}, config: Record<string, unknown> = MERGED) =>
  parseGenesis(
    JSON.stringify({
      config: { chainId: 1337, ...config },
      difficulty: '0x0',
      gasLimit: '0x1c9c380',
      alloc: {},
      ...parts,
    }),
  )

test('the conformance chain builds on the hash that its genesis file gives', needs('shared'), () => {
  const dir = join(SHARED, 'conformance', 'execution-apis')
  const { header, config } = parseGenesis(readFileSync(join(dir, 'genesis.json'), 'utf8'))
  const first = blockFromRlp(decodeRlpAt(readFileSync(join(dir, 'chain.rlp')), 0).item).header
  assert.equal(header.hash, first.parentHash)
  assert.equal(config.chainId, 3503995874084926n)
})

test('an account has what the file says, with or without 0x, in hex or decimal', () => {
  const { accounts, slots, codes, header } = genesis({
    alloc: {
      [A.slice(2).toUpperCase()]: {
        balance: '1000',
        nonce: '0x2',
        code: '0x6001',
        storage: { '0x1': '0x2a', '02': '07', '0x03': '0x0' },
      },
    },
  })
  assert.equal(accounts.length, 1)
  assert.equal(toHex(accounts[0]?.address ?? new Uint8Array(0)), A)
  assert.equal(accounts[0]?.after?.nonce, 2n)
  assert.equal(accounts[0]?.after?.balance, 1000n)
  assert.deepEqual(
    codes.map(({ code }) => toHex(code)),
    ['0x6001'],
  )
  assert.deepEqual(
    slots.map(({ key, value }) => [key.at(-1), value.at(-1)]),
    [[1, 42], [2, 7]],
    'a slot of zero is none',
  ) // biome-ignore format: pairs
  assert.notEqual(toHex(header.stateRoot), EMPTY_TRIE_ROOT)
})

test('the header has the fields of the forks that are active at its time, with geth’s defaults', () => {
  const frontier = genesis({}, {}).header
  assert.equal(frontier.baseFeePerGas, undefined)
  const london = genesis({}, OLD).header
  assert.equal(london.baseFeePerGas, 1_000_000_000n)
  assert.equal(london.withdrawalsRoot, undefined)
  const shanghai = genesis(
    { timestamp: 4 },
    { ...MERGED, shanghaiTime: 4, cancunTime: 5, pragueTime: 6 },
  ).header
  assert.equal(toHex(shanghai.withdrawalsRoot ?? new Uint8Array(0)), EMPTY_TRIE_ROOT)
  assert.equal(shanghai.blobGasUsed, undefined)
  const prague = genesis({ baseFeePerGas: '0x7', excessBlobGas: '0x9' }).header
  assert.equal(prague.baseFeePerGas, 7n)
  assert.equal(prague.excessBlobGas, 9n)
  assert.equal(
    toHex(prague.requestsHash ?? new Uint8Array(0)),
    '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  )
})

test('a missing difficulty is as geth makes it: with proof of work 131,072, else 0', () => {
  assert.equal(genesis({ difficulty: null }, OLD).header.difficulty, 0n)
  assert.equal(genesis({ difficulty: null }, { ...OLD, ethash: {} }).header.difficulty, 131_072n)
  const mixHash = `0x${'00'.repeat(31)}01`
  assert.equal(genesis({ difficulty: null, mixHash }, { ...OLD, ethash: {} }).header.difficulty, 0n)
})

test('keys are read without regard to case, as geth does', () => {
  const mixHash = `0x${'07'.repeat(32)}`
  assert.equal(genesis({ mixhash: mixHash }).header.hash, genesis({ mixHash }).header.hash)
  const of = (key: string) => genesis({ timestamp: 9 }, { ...MERGED, pragueTime: undefined, [key]: 9 })
  assert.equal(of('PragueTime').header.hash, of('pragueTime').header.hash)
})

test('bare numbers of any size keep their digits', () => {
  const text = (balance: string) =>
    `{"config":{"chainId":1},"gasLimit":"0x1388","difficulty":"0x1","alloc":{"${A}":{"balance":${balance}}}}`
  assert.equal(
    parseGenesis(text('123456789012345678901234567890')).accounts[0]?.after?.balance,
    123456789012345678901234567890n,
  )
  assert.throws(
    () => parseGenesis(text('1e30')),
    (thrown) => faultCode(thrown) === 'chain/genesis',
  )
})

test('a file that is no genesis is refused with the field', () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ alloc: undefined }, /alloc/],
    [{ alloc: { '0x12': {} } }, /alloc\.0x12/],
    [{ alloc: { [A]: { balance: 'much' } } }, /balance/],
    [{ alloc: { [A]: { balance: String(2n ** 256n) } } }, /balance/],
    [{ alloc: { [A]: { nonce: `0x1${'0'.repeat(16)}` } } }, /nonce/],
    [{ alloc: { [A]: {}, [A.slice(2)]: {} } }, /twice/],
    [{ alloc: { [A]: { storage: { '0x1': '0x2', '0x01': '0x3' } } } }, /twice/],
    [{ alloc: { [A]: { storage: { '0x1': `0x${'1'.repeat(65)}` } } } }, /storage/],
    [{ gasLimit: `0x1${'0'.repeat(16)}` }, /gasLimit/],
    [{ number: '0x5' }, /number/],
    [{ coinbase: '0x1' }, /coinbase/],
    [{ config: undefined }, /config/],
    [{ config: { ...MERGED } }, /chainId/],
  ]
  for (const [parts, field] of wrong) {
    assert.throws(
      () => genesis(parts),
      (thrown) => faultCode(thrown) === 'chain/genesis' && field.test((thrown as Error).message),
      String(field),
    )
  }
  assert.throws(
    () => parseGenesis('{"config":'),
    (thrown) => faultCode(thrown) === 'chain/genesis',
  )
})
