/** The rules of public chains by name, as `config` of their genesis files has them: a genesis file may name its chain instead of listing forks. */
import { Fault } from '#kernel/fault.ts'
import type { JsonObject } from '#chain/codec/json-fields.ts'

const FUSAKA = {
  bpo1: { target: 10, max: 15, baseFeeUpdateFraction: 8_346_193 },
  bpo2: { target: 14, max: 21, baseFeeUpdateFraction: 11_684_671 },
}
const FROM_GENESIS_TO_LONDON = {
  homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0, constantinopleBlock: 0, petersburgBlock: 0,
  istanbulBlock: 0, berlinBlock: 0, londonBlock: 0,
} // biome-ignore format: one table

const PRESETS: Readonly<Record<string, JsonObject>> = {
  mainnet: {
    chainId: 1, homesteadBlock: 1_150_000, daoForkBlock: 1_920_000, daoForkSupport: true, eip150Block: 2_463_000, eip155Block: 2_675_000,
    eip158Block: 2_675_000, byzantiumBlock: 4_370_000, constantinopleBlock: 7_280_000, petersburgBlock: 7_280_000,
    istanbulBlock: 9_069_000, muirGlacierBlock: 9_200_000, berlinBlock: 12_244_000, londonBlock: 12_965_000,
    arrowGlacierBlock: 13_773_000, grayGlacierBlock: 15_050_000, terminalTotalDifficulty: 58_750_000_000_000_000_000_000n,
    shanghaiTime: 1_681_338_455, cancunTime: 1_710_338_135, pragueTime: 1_746_612_311, osakaTime: 1_764_798_551,
    bpo1Time: 1_765_290_071, bpo2Time: 1_767_747_671, ethash: {}, blobSchedule: FUSAKA,
    depositContractAddress: '0x00000000219ab540356cbb839cbe05303d7705fa',
  },
  sepolia: {
    chainId: 11_155_111, ...FROM_GENESIS_TO_LONDON, muirGlacierBlock: 0, mergeNetsplitBlock: 1_735_371,
    terminalTotalDifficulty: 17_000_000_000_000_000, shanghaiTime: 1_677_557_088, cancunTime: 1_706_655_072, pragueTime: 1_741_159_776,
    osakaTime: 1_760_427_360, bpo1Time: 1_761_017_184, bpo2Time: 1_761_607_008, amsterdamTime: 1_791_294_816, ethash: {},
    blobSchedule: FUSAKA, depositContractAddress: '0x7f02c3e3c98b133055b8b348b2ac625669ed295d',
  },
  holesky: {
    chainId: 17_000, ...FROM_GENESIS_TO_LONDON, terminalTotalDifficulty: 0, shanghaiTime: 1_696_000_704, cancunTime: 1_707_305_664,
    pragueTime: 1_740_434_112, osakaTime: 1_759_308_480, bpo1Time: 1_759_800_000, bpo2Time: 1_760_389_824, ethash: {},
    blobSchedule: FUSAKA, depositContractAddress: '0x4242424242424242424242424242424242424242',
  },
  hoodi: {
    chainId: 560_048, ...FROM_GENESIS_TO_LONDON, muirGlacierBlock: 0, mergeNetsplitBlock: 0, terminalTotalDifficulty: 0, shanghaiTime: 0,
    cancunTime: 0, pragueTime: 1_742_999_832, osakaTime: 1_761_677_592, bpo1Time: 1_762_365_720, bpo2Time: 1_762_955_544, ethash: {},
    blobSchedule: FUSAKA, depositContractAddress: '0x00000000219ab540356cbb839cbe05303d7705fa',
  },
} // biome-ignore format: one table

export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS)

/** The `config` of a chain by its name. @throws Fault chain/unsupported-rules */
export function presetConfig(name: string): JsonObject {
  const config = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined
  if (config !== undefined) return config
  throw new Fault(
    'chain/unsupported-rules',
    `no chain is known as ${JSON.stringify(name)}: ${PRESET_NAMES.join(', ')} are, and the config of any other stands in its genesis file`,
    { name },
  )
}
