import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import type { Header } from './header.ts'
import { headerDifference } from './header-rules.ts'
import { headerFromFields, type HeaderFields } from './header-rlp.ts'
import type { Rules } from '#chain/fork/rules.ts'

const FORKS = {
  homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0, constantinopleBlock: 0, petersburgBlock: 0,
  istanbulBlock: 0, berlinBlock: 0, londonBlock: 0, terminalTotalDifficulty: 0, shanghaiTime: 0, cancunTime: 0, pragueTime: 0,
} // biome-ignore format: one table

function genesis(
  config: Record<string, unknown>,
  more: Record<string, unknown> = {},
): { parent: Header; rules: Rules } {
  const { header, config: chain } = parseGenesis(
    JSON.stringify({
      config: { chainId: 1, ...config },
      gasLimit: '0x1c9c380',
      difficulty: '0x0',
      timestamp: '0x64',
      alloc: {},
      ...more,
    }),
  )
  return { parent: header, rules: chain.rulesAt(1, header.timestamp + 12) }
}

/** A child that keeps all rules: half of the gas used leaves the base fee as it is. */
function childOf(parent: Header, change: Partial<HeaderFields> = {}): Header {
  return headerFromFields({
    ...parent,
    parentHash: parent.hash,
    number: parent.number + 1,
    timestamp: parent.timestamp + 12,
    ...change,
  })
}

test('a header that follows from its parent has no difference; what does not is named, with what it should be', () => {
  const { parent: first, rules } = genesis(FORKS)
  const parent = headerFromFields({ ...first, gasUsed: first.gasLimit / 2n })
  assert.equal(headerDifference(childOf(parent), parent, rules), undefined)
  const wrong: [field: string, change: Partial<HeaderFields>][] = [
    ['parentHash', { parentHash: first.hash }],
    ['number', { number: parent.number + 2 }],
    ['timestamp', { timestamp: parent.timestamp }],
    ['extraData', { extraData: new Uint8Array(33) }],
    ['gasLimit', { gasLimit: parent.gasLimit + parent.gasLimit / 1_024n }],
    ['gasLimit', { gasLimit: parent.gasLimit - parent.gasLimit / 1_024n }],
    ['baseFeePerGas', { baseFeePerGas: (parent.baseFeePerGas ?? 0n) + 1n }],
    ['excessBlobGas', { excessBlobGas: 131_072n }],
    ['difficulty', { difficulty: 1n }],
    ['nonce', { nonce: new Uint8Array(8).fill(1) }],
    ['ommersHash', { ommersHash: new Uint8Array(32) }],
  ]
  for (const [field, change] of wrong)
    assert.equal(headerDifference(childOf(parent, change), parent, rules)?.field, field)
  const nearly = { gasLimit: parent.gasLimit + parent.gasLimit / 1_024n - 1n }
  assert.equal(headerDifference(childOf(parent, nearly), parent, rules), undefined)
  const { expected, computed } =
    headerDifference(childOf(parent, { number: 7 }), parent, rules) ?? assert.fail()
  assert.deepEqual([expected, computed], ['7', '1'])
})

test('fields are there from their fork on, and not before', () => {
  const { parent } = genesis(FORKS)
  const { shanghaiTime: _1, cancunTime: _2, pragueTime: _3, ...merged } = FORKS
  const shanghai = genesis({ ...merged, shanghaiTime: 0 })
  assert.match(
    headerDifference(childOf(parent), parent, shanghai.rules)?.computed ?? '',
    /absent before cancun/,
  )
  assert.match(
    headerDifference(childOf(shanghai.parent), shanghai.parent, genesis(FORKS).rules)?.computed ?? '',
    /there from cancun on/,
  )
})

test('the first block of London has twice its parent’s gas limit, and the fork’s first base fee', () => {
  const {
    londonBlock: _,
    terminalTotalDifficulty: _ttd,
    shanghaiTime: _s,
    cancunTime: _c,
    pragueTime: _p,
    ...berlin
  } = FORKS
  const { parent } = genesis({ ...berlin, londonBlock: 1 })
  const { config } = parseGenesis(
    JSON.stringify({ config: { chainId: 1, ...berlin, londonBlock: 1 }, alloc: {} }),
  )
  const rules = config.rulesAt(1, 200)
  const child = (gasLimit: bigint) => childOf(parent, { gasLimit, baseFeePerGas: 1_000_000_000n })
  assert.equal(headerDifference(child(parent.gasLimit * 2n), parent, rules), undefined)
  assert.equal(headerDifference(child(parent.gasLimit), parent, rules)?.field, 'gasLimit')
})
