/** A chain's rules from its genesis `config` in geth's format. Chains with rules of their own are refused by name, never guessed. */
import { Fault } from '#kernel/fault.ts'
import { jsonFixed, jsonNumber, jsonObject, type JsonObject, jsonBigint } from './json-fields.ts'
import type { BlobParameters, ChainConfig, Fork, Rules } from './rules.ts'

/** By number, oldest first. */
const BLOCK_FORKS: readonly (readonly [key: string, fork: Fork])[] = [
  ['homesteadBlock', 'homestead'], ['daoForkBlock', 'dao'], ['eip150Block', 'tangerine'], ['eip155Block', 'spuriousDragon'],
  ['eip158Block', 'spuriousDragon'], ['byzantiumBlock', 'byzantium'], ['constantinopleBlock', 'constantinople'],
  ['petersburgBlock', 'petersburg'], ['istanbulBlock', 'istanbul'], ['muirGlacierBlock', 'muirGlacier'], ['berlinBlock', 'berlin'],
  ['londonBlock', 'london'], ['arrowGlacierBlock', 'arrowGlacier'], ['grayGlacierBlock', 'grayGlacier'],
] // biome-ignore format: one table

/** By timestamp. Blob-parameter forks (EIP-7892) change values only. */
const TIME_FORKS: readonly (readonly [key: string, fork: Fork])[] = [
  ['shanghaiTime', 'shanghai'], ['cancunTime', 'cancun'], ['pragueTime', 'prague'], ['osakaTime', 'osaka'],
] // biome-ignore format: one table
const BLOB_FORKS = [
  'cancunTime',
  'pragueTime',
  'osakaTime',
  'bpo1Time',
  'bpo2Time',
  'bpo3Time',
  'bpo4Time',
  'bpo5Time',
]

const OTHER_RULES: Record<string, string> = {
  optimism: 'the OP stack',
  bor: 'Polygon Bor',
  arbitrum: 'Arbitrum',
  parlia: 'BNB Smart Chain',
  congress: 'a proof-of-authority fork of geth',
  clique: 'proof of authority (clique)',
}

/** Keys that change no rules of execution. */
const IGNORED = new Set([
  'chainId',
  'ethash',
  'blobSchedule',
  'depositContractAddress',
  'daoForkSupport',
  'terminalTotalDifficulty',
  'terminalTotalDifficultyPassed',
  'mergeNetsplitBlock',
  'eip150Hash',
  'amsterdamTime',
])

/** EIP-4844, EIP-7691. */
const DEFAULT_BLOBS: Record<string, BlobParameters> = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
}

/** @throws Fault chain/unsupported-rules, chain/malformed */
export function parseChainConfig(value: unknown): ChainConfig {
  const config = jsonObject(value, "the genesis' config")
  refuseOtherRules(config)
  const chainId = jsonBigint(config['chainId'], 'config.chainId')
  const blockForks = scheduled(config, BLOCK_FORKS)
  const timeForks = scheduled(config, TIME_FORKS)
  const blobs = blobSchedule(config)
  const mergeBlock = mergeNumber(config)
  const amsterdam =
    config['amsterdamTime'] === undefined || config['amsterdamTime'] === null
      ? undefined
      : jsonNumber(config['amsterdamTime'], 'amsterdamTime')
  const depositContract =
    config['depositContractAddress'] === undefined
      ? {}
      : { depositContract: jsonFixed(config['depositContractAddress'], 20, 'depositContractAddress') }

  return {
    chainId,
    rulesAt(number, timestamp): Rules {
      if (amsterdam !== undefined && timestamp >= amsterdam) {
        throw new Fault(
          'chain/unsupported-rules',
          `block ${number} is under the rules of Amsterdam, which this release does not execute`,
        )
      }
      let fork: Fork = 'frontier'
      for (const entry of blockForks) if (number >= entry.at) fork = entry.fork
      const merged = mergeBlock !== undefined && number >= mergeBlock
      if (merged) fork = 'merge'
      if (merged) for (const entry of timeForks) if (timestamp >= entry.at) fork = entry.fork
      const blob = merged ? blobs.findLast((entry) => timestamp >= entry.at)?.parameters : undefined
      return { chainId, fork, ...(blob && { blob }), ...depositContract }
    },
  }
}

function refuseOtherRules(config: JsonObject): void {
  for (const [key, name] of Object.entries(OTHER_RULES)) {
    if (config[key] === undefined || config[key] === null) continue
    throw new Fault(
      'chain/unsupported-rules',
      `the genesis is of a chain with other rules than Ethereum's: ${name} (config.${key})`,
      { key },
    )
  }
  const known = new Set([
    ...IGNORED,
    ...BLOCK_FORKS.map(([key]) => key),
    ...TIME_FORKS.map(([key]) => key),
    ...BLOB_FORKS,
  ])
  for (const [key, at] of Object.entries(config)) {
    if (known.has(key) || !/(Block|Time)$/.test(key) || at === null) continue
    throw new Fault(
      'chain/unsupported-rules',
      `the genesis schedules a fork that this release does not know: config.${key}`,
      { key },
    )
  }
}

function scheduled<K extends Fork>(
  config: JsonObject,
  table: readonly (readonly [key: string, fork: K])[],
): { readonly at: number; readonly fork: K }[] {
  return table.flatMap(([key, fork]) => {
    const at = config[key]
    return at === undefined || at === null ? [] : [{ at: jsonNumber(at, `config.${key}`), fork }]
  })
}

/** The number of the first block after the Merge; undefined for a chain that never merges. */
function mergeNumber(config: JsonObject): number | undefined {
  const { mergeNetsplitBlock, terminalTotalDifficulty, terminalTotalDifficultyPassed } = config
  if (
    terminalTotalDifficulty !== undefined &&
    jsonBigint(terminalTotalDifficulty, 'config.terminalTotalDifficulty') === 0n
  )
    return 0
  if (mergeNetsplitBlock !== undefined && mergeNetsplitBlock !== null)
    return jsonNumber(mergeNetsplitBlock, 'config.mergeNetsplitBlock')
  if (terminalTotalDifficultyPassed === true) return 0
  return undefined
}

function blobSchedule(config: JsonObject): { readonly at: number; readonly parameters: BlobParameters }[] {
  const schedule =
    config['blobSchedule'] === undefined ? {} : jsonObject(config['blobSchedule'], 'config.blobSchedule')
  let last: BlobParameters | undefined
  return BLOB_FORKS.flatMap((key) => {
    const at = config[key]
    if (at === undefined || at === null) return []
    const name = key.slice(0, -'Time'.length)
    const given = schedule[name] === undefined ? undefined : blobParameters(schedule[name], name)
    last = given ?? DEFAULT_BLOBS[name] ?? last
    return last === undefined ? [] : [{ at: jsonNumber(at, `config.${key}`), parameters: last }]
  })
}

function blobParameters(value: unknown, fork: string): BlobParameters {
  const json = jsonObject(value, `config.blobSchedule.${fork}`)
  return {
    target: jsonNumber(json['target'], `blobSchedule.${fork}.target`),
    max: jsonNumber(json['max'], `blobSchedule.${fork}.max`),
    baseFeeUpdateFraction: jsonBigint(
      json['baseFeeUpdateFraction'],
      `blobSchedule.${fork}.baseFeeUpdateFraction`,
    ),
  }
}
