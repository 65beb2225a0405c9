import assert from 'node:assert/strict'
import test from 'node:test'
import { fromHex } from '#kernel/bytes.ts'
import { forkId } from './fork-id.ts'

const MAINNET = {
  hash: fromHex('0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3'),
  timestamp: 0,
}
const BLOCKS = [
  1_150_000, 1_920_000, 2_463_000, 2_675_000, 4_370_000, 7_280_000, 9_069_000, 9_200_000, 12_244_000, 12_965_000, 13_773_000, 15_050_000,
] // biome-ignore format: one table
const TIMES = [1_681_338_455, 1_710_338_135, 1_746_612_311]

test('the checksums are those of EIP-2124 and of mainnet since', () => {
  const upTo = (blocks: number, timestamp = 0): string =>
    forkId(MAINNET, { blocks: BLOCKS.slice(0, blocks), times: TIMES.map((at) => ({ at })) }, timestamp)
  const byNumber = [
    '0xfc64ec04', '0x97c2c34c', '0x91d1f948', '0x7a64da13', '0x3edd5b10', '0xa00bc324', '0x668db0af', '0x879d6e30', '0xe029e991',
    '0x0eb440f6', '0xb715077d', '0x20c327fc', '0xf0afd0e3',
  ] // biome-ignore format: one table
  for (const [i, sum] of byNumber.entries()) assert.equal(upTo(i), sum)
  assert.equal(upTo(BLOCKS.length, 1_681_338_455), '0xdce96c2d')
  assert.equal(upTo(BLOCKS.length, 1_710_338_134), '0xdce96c2d')
  assert.equal(upTo(BLOCKS.length, 1_710_338_135), '0x9f3d2254')
  assert.equal(upTo(BLOCKS.length, 1_746_612_311), '0xc376cf8b')
})

test('forks of the genesis itself, and the same one twice, do not count', () => {
  const genesis = { ...MAINNET, timestamp: 100 }
  const plain = forkId(genesis, { blocks: [], times: [{ at: 200 }] }, 300)
  assert.equal(
    forkId(genesis, { blocks: [0], times: [{ at: 0 }, { at: 100 }, { at: 200 }, { at: 200 }] }, 300),
    plain,
  )
  assert.notEqual(forkId(genesis, { blocks: [], times: [{ at: 200 }] }, 199), plain)
})
