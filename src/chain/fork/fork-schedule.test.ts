import assert from 'node:assert/strict'
import test from 'node:test'
import { faultCode, messageOf } from '#kernel/fault.ts'
import { checkForkOrder, parseChainConfig } from './fork-schedule.ts'

const MAINNET = {
  chainId: 1, homesteadBlock: 1_150_000, daoForkBlock: 1_920_000, daoForkSupport: true, eip150Block: 2_463_000, eip155Block: 2_675_000,
  eip158Block: 2_675_000, byzantiumBlock: 4_370_000, constantinopleBlock: 7_280_000, petersburgBlock: 7_280_000, istanbulBlock: 9_069_000,
  muirGlacierBlock: 9_200_000, berlinBlock: 12_244_000, londonBlock: 12_965_000, arrowGlacierBlock: 13_773_000, grayGlacierBlock: 15_050_000,
  terminalTotalDifficulty: 58_750_000_000_000_000_000_000n, shanghaiTime: 1_681_338_455, cancunTime: 1_710_338_135, pragueTime: 1_746_612_311,
  osakaTime: 1_764_798_551, bpo1Time: 1_765_290_071, bpo2Time: 1_767_747_671, ethash: {},
  depositContractAddress: '0x00000000219ab540356cbb839cbe05303d7705fa',
  blobSchedule: {
    bpo1: { target: 10, max: 15, baseFeeUpdateFraction: 8_346_193 }, bpo2: { target: 14, max: 21, baseFeeUpdateFraction: 11_684_671 },
  },
} // biome-ignore format: one table
const TEN = { chainId: 10, terminalTotalDifficulty: 0 }

const refusal = (config: unknown, run: (value: unknown) => unknown = parseChainConfig): string => {
  try {
    run(config)
  } catch (thrown) {
    return `${faultCode(thrown)}: ${messageOf(thrown)}`
  }
  return 'accepted'
}

test('mainnet’s blocks have the rules of their forks', () => {
  const { chainId, rulesAt } = parseChainConfig(MAINNET)
  checkForkOrder(MAINNET)
  assert.equal(chainId, 1n)
  const cases = [
    [0, 0, 'frontier'], [1_149_999, 0, 'frontier'], [1_150_000, 0, 'homestead'], [1_920_000, 0, 'dao'], [2_463_000, 0, 'tangerine'],
    [2_675_000, 0, 'spuriousDragon'], [4_370_000, 0, 'byzantium'], [7_280_000, 0, 'petersburg'], [9_069_000, 0, 'istanbul'],
    [12_244_000, 0, 'berlin'], [12_965_000, 0, 'london'], [15_537_393, 1_663_224_000, 'grayGlacier'], [15_537_394, 1_663_224_179, 'merge'],
    [17_034_869, 1_681_338_443, 'merge'], [17_034_870, 1_681_338_455, 'shanghai'], [19_426_587, 1_710_338_135, 'cancun'],
    [22_431_084, 1_746_612_311, 'prague'], [23_935_694, 1_764_798_551, 'osaka'], [24_300_000, 1_767_747_671, 'osaka'],
  ] as const // biome-ignore format: one table
  for (const [number, timestamp, fork] of cases)
    assert.equal(rulesAt(number, timestamp).fork, fork, `block ${number}`)
})

test('a block’s blobs are those of the last blob fork at its time, the forks’ own by default', () => {
  const { rulesAt } = parseChainConfig(MAINNET)
  const at = (timestamp: number) => rulesAt(20_000_000, timestamp).blob
  assert.equal(at(1_710_338_134), undefined)
  assert.deepEqual(at(1_710_338_135), { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n })
  assert.deepEqual(at(1_746_612_311), { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n })
  assert.deepEqual(at(1_764_798_551), { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n })
  assert.deepEqual(at(1_767_747_671), { target: 14, max: 21, baseFeeUpdateFraction: 11_684_671n })
})

test('the Merge is where the config says, and is never guessed', () => {
  const fork = (config: object, number: number): string =>
    parseChainConfig({ chainId: 10, londonBlock: 0, ...config }).rulesAt(number, 9).fork
  assert.equal(fork({ terminalTotalDifficulty: 0 }, 0), 'merge')
  assert.equal(fork({ terminalTotalDifficulty: 5, mergeNetsplitBlock: 36 }, 35), 'london')
  assert.equal(fork({ terminalTotalDifficulty: 5, mergeNetsplitBlock: 36, shanghaiTime: 9 }, 36), 'shanghai')
  assert.equal(fork({ terminalTotalDifficulty: 5, terminalTotalDifficultyPassed: true }, 0), 'merge')
  assert.equal(fork({}, 1_000_000), 'london')
  assert.match(
    refusal({ chainId: 10, terminalTotalDifficulty: 5, shanghaiTime: 9 }),
    /^chain\/malformed: .*mergeNetsplitBlock/,
  )
  // Sepolia's config names the block of its network split, which came after its Merge.
  const sepolia = {
    chainId: 11155111,
    londonBlock: 0,
    terminalTotalDifficulty: 17_000_000_000_000_000n,
    mergeNetsplitBlock: 1_735_371,
  }
  assert.equal(parseChainConfig(sepolia).rulesAt(1_450_408, 9).fork, 'london')
  assert.equal(parseChainConfig(sepolia).rulesAt(1_450_409, 9).fork, 'merge')
})

test('chains with rules of their own are refused by name', () => {
  for (const key of ['optimism', 'bor', 'arbitrum', 'clique', 'parlia']) {
    assert.match(
      refusal({ ...TEN, [key]: {} }),
      new RegExp(`^chain/unsupported-rules: .*config\\.${key}`),
      key,
    )
  }
})

test('a scheduled fork that nobody here knows is refused by name; one that is not scheduled is not', () => {
  assert.match(refusal({ ...TEN, regolithTime: 0 }), /^chain\/unsupported-rules: .*config\.regolithTime/)
  assert.match(refusal({ ...TEN, moonBlock: 7 }), /^chain\/unsupported-rules: .*config\.moonBlock/)
  assert.equal(refusal({ ...TEN, verkleTime: null }), 'accepted')
})

test('Amsterdam comes by time, and changes the blobs of a block only where it says so', () => {
  const { rulesAt } = parseChainConfig({ ...TEN, shanghaiTime: 0, cancunTime: 0, amsterdamTime: 100 })
  assert.equal(rulesAt(5, 99).fork, 'cancun')
  assert.equal(rulesAt(6, 100).fork, 'amsterdam')
  assert.deepEqual(rulesAt(6, 100).blob, rulesAt(5, 99).blob)
})

test('a pretended block is under the forks after the Merge only where it is said to be of proof of stake', () => {
  const { pretendedRules } = parseChainConfig(MAINNET)
  const forkAt = (number: number, timestamp: number, merged: boolean): string =>
    pretendedRules({ number, timestamp, merged }).fork
  assert.equal(forkAt(20_000_000, 1_746_612_311, false), 'grayGlacier')
  assert.equal(forkAt(20_000_000, 1_746_612_311, true), 'prague')
  assert.equal(forkAt(15_050_000, 1_746_612_311, true), 'prague')
  assert.equal(forkAt(12_000_000, 1_746_612_311, true), 'muirGlacier')
})

test('blob parameters that cannot be are refused', () => {
  const withBlobs = (blobs: unknown) =>
    refusal({ ...TEN, cancunTime: 0, bpo1Time: 5, blobSchedule: { bpo1: blobs } })
  assert.equal(withBlobs({ target: 10, max: 15, baseFeeUpdateFraction: 1 }), 'accepted')
  assert.match(withBlobs(undefined), /blobSchedule\.bpo1 is missing/)
  assert.match(withBlobs({ target: 10, max: 15, baseFeeUpdateFraction: 0 }), /^chain\/malformed/)
  assert.match(withBlobs({ target: 16, max: 15, baseFeeUpdateFraction: 1 }), /^chain\/malformed/)
})

test('forks out of their order are refused, as geth does', () => {
  assert.equal(refusal(MAINNET, checkForkOrder), 'accepted')
  assert.match(
    refusal({ ...MAINNET, berlinBlock: 13_000_000 }, checkForkOrder),
    /londonBlock is at 12965000, but config\.berlinBlock/,
  )
  assert.match(
    refusal({ ...MAINNET, berlinBlock: undefined }, checkForkOrder),
    /berlinBlock before it is not scheduled/,
  )
  assert.match(
    refusal({ ...MAINNET, pragueTime: 1 }, checkForkOrder),
    /pragueTime is at 1, but config\.cancunTime/,
  )
  assert.equal(refusal({ ...MAINNET, muirGlacierBlock: undefined }, checkForkOrder), 'accepted')
})
