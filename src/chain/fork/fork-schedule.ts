/**
 * A chain's rules from its genesis `config` in geth's format. Chains with rules of their own, and forks that this release does not know,
 * are refused by name, never guessed: a wrong rule would make wrong state that looks right.
 */
import { Fault } from '#kernel/fault.ts'
import { BLOB_FORKS, parseBlobSchedule } from './blob-schedule.ts'
import { jsonBigint, jsonFixed, jsonNumber, type JsonObject, withKeysOf } from '#chain/codec/json-fields.ts'
import type { BlobParameters, ChainConfig, Fork, Rules, Schedule, TimeFork } from './rules.ts'

type ForkKey = readonly [key: string, fork: Fork]

/** By number, oldest first. */
const BLOCK_FORKS: readonly ForkKey[] = [
  ['homesteadBlock', 'homestead'], ['daoForkBlock', 'dao'], ['eip150Block', 'tangerine'], ['eip155Block', 'spuriousDragon'],
  ['eip158Block', 'spuriousDragon'], ['byzantiumBlock', 'byzantium'], ['constantinopleBlock', 'constantinople'],
  ['petersburgBlock', 'petersburg'], ['istanbulBlock', 'istanbul'], ['muirGlacierBlock', 'muirGlacier'], ['berlinBlock', 'berlin'],
  ['londonBlock', 'london'], ['arrowGlacierBlock', 'arrowGlacier'], ['grayGlacierBlock', 'grayGlacier'],
] // biome-ignore format: one table

/** By timestamp. Blob-parameter forks (EIP-7892) change values only. */
const TIME_FORKS: readonly ForkKey[] = [
  ['shanghaiTime', 'shanghai'], ['cancunTime', 'cancun'], ['pragueTime', 'prague'], ['osakaTime', 'osaka'], ['amsterdamTime', 'amsterdam'],
] // biome-ignore format: one table

/** Chains may leave these out and still have what comes after. */
const OPTIONAL = new Set([
  'daoForkBlock', 'eip155Block', 'petersburgBlock', 'muirGlacierBlock', 'arrowGlacierBlock', 'grayGlacierBlock', 'bpo1Time', 'bpo2Time',
  'bpo3Time', 'bpo4Time', 'bpo5Time',
]) // biome-ignore format: one table

/** Keys of configs that are not for Ethereum's rules. */
const OTHER_RULES: Record<string, string> = {
  optimism: 'the OP stack', bor: 'Polygon Bor', arbitrum: 'Arbitrum', parlia: 'BNB Smart Chain', congress: 'proof of authority (congress)',
  clique: 'proof of authority (clique)', aura: 'proof of authority (aura)', istanbul: 'Istanbul BFT', ibft2: 'IBFT 2', qbft: 'QBFT',
  isQuorum: 'Quorum', taiko: 'Taiko', scroll: 'Scroll', enableVerkleAtGenesis: 'Verkle tries', enableUBTAtGenesis: 'binary tries',
} // biome-ignore format: one table

/** Keys that end like forks but change no rules of execution by themselves. */
const OTHER_KEYS = ['mergeNetsplitBlock']
const FORK_KEYS = [...BLOCK_FORKS, ...TIME_FORKS].map(([key]) => key)
const KNOWN = [...new Set([...FORK_KEYS, ...BLOB_FORKS, ...OTHER_KEYS])]
const ALL_KEYS = [
  ...KNOWN, 'chainId', 'blobSchedule', 'daoForkSupport', 'depositContractAddress', 'terminalTotalDifficulty',
  'terminalTotalDifficultyPassed',
] // biome-ignore format: one table

/** The first blocks after the Merge of chains whose config does not say it, by chain id. */
const MERGED_AT: Record<string, number> = { 1: 15_537_394, 11155111: 1_450_409 }

/** @throws Fault chain/unsupported-rules, chain/malformed */
export function parseChainConfig(value: unknown): ChainConfig {
  const config = withKeysOf(ALL_KEYS, value, "the genesis' config")
  refuseOtherRules(config)
  const chainId = jsonBigint(config['chainId'], 'config.chainId')
  const blockForks = scheduled(config, BLOCK_FORKS)
  const timeForks = scheduled(config, TIME_FORKS)
  const blobs = parseBlobSchedule(config)
  const daoBlock = blockForks.find(({ fork }) => fork === 'dao')?.at
  const mergeBlock = mergeNumber(config, chainId)
  const deposits = config['depositContractAddress'] ?? undefined
  const depositContract =
    deposits === undefined
      ? {}
      : { depositContract: jsonFixed(deposits, 20, 'config.depositContractAddress') }

  // One object for all blocks under the same rules, so that whoever derives something from them can see that it has it already.
  let last: Rules | undefined
  const rules = (number: number, timestamp: number, merged: boolean): Rules => {
    let fork: Fork = 'frontier'
    for (const entry of blockForks) if (number >= entry.at) fork = entry.fork
    if (merged) fork = 'merge'
    if (merged) for (const entry of timeForks) if (timestamp >= entry.at) fork = entry.fork
    const blob = merged ? blobs.findLast((entry) => timestamp >= entry.at)?.parameters : undefined
    if (last?.fork !== fork || last.blob !== blob)
      last = { chainId, fork, ...(blob && { blob }), ...depositContract }
    return number === daoBlock ? { ...last, isDaoFork: true } : last
  }
  return {
    chainId,
    schedule: scheduleOf(config, blobs),
    rulesAt: (number, timestamp) =>
      rules(number, timestamp, mergeBlock !== undefined && number >= mergeBlock),
    pretendedRules({ number, timestamp, merged }) {
      const isLondon = blockForks.some(({ fork, at }) => fork === 'london' && number >= at)
      return rules(number, timestamp, merged && isLondon)
    },
  }
}

/**
 * Refuses a schedule that geth refuses too: a fork before an older one, or without it. Apart from the parsing, because the prestates of
 * traces cut schedules out of real chains.
 * @throws Fault chain/malformed
 */
export function checkForkOrder(value: unknown): void {
  const config = withKeysOf(ALL_KEYS, value, "the genesis' config")
  for (const keys of [BLOCK_FORKS.map(([key]) => key), ['shanghaiTime', ...BLOB_FORKS]]) {
    let last: { key: string; at: number | undefined } | undefined
    for (const key of keys) {
      const at = whenOf(config, key)
      if (at === undefined && OPTIONAL.has(key)) continue
      if (last !== undefined && at !== undefined && (last.at === undefined || last.at > at)) {
        const when = last.at === undefined ? 'is not scheduled' : `comes at ${last.at}`
        throw new Fault(
          'chain/malformed',
          `config.${key} is at ${at}, but config.${last.key} before it ${when}`,
        )
      }
      last = { key, at }
    }
  }
}

function refuseOtherRules(config: JsonObject): void {
  for (const [key, name] of Object.entries(OTHER_RULES)) {
    if (config[key] === undefined || config[key] === null || config[key] === false) continue
    throw new Fault(
      'chain/unsupported-rules',
      `the genesis is of a chain with other rules than Ethereum's: ${name} (config.${key})`,
      { key },
    )
  }
  for (const [key, at] of Object.entries(config)) {
    if (KNOWN.includes(key) || !/(Block|Time)$/.test(key) || at === null) continue
    throw new Fault(
      'chain/unsupported-rules',
      `the genesis schedules a fork that this release does not know: config.${key}`,
      { key },
    )
  }
}

function scheduleOf(
  config: JsonObject,
  blobs: readonly { readonly at: number; readonly key: string; readonly parameters: BlobParameters }[],
): Schedule {
  const blocks = ['mergeNetsplitBlock', ...BLOCK_FORKS.map(([key]) => key)].flatMap(
    (key) => whenOf(config, key) ?? [],
  )
  const times = [...new Set(['shanghaiTime', ...BLOB_FORKS])].flatMap((key): TimeFork[] => {
    const at = whenOf(config, key)
    const blob = blobs.find((entry) => entry.key === key)?.parameters
    return at === undefined ? [] : [{ at, ...(blob && { blob }) }]
  })
  return { blocks: [...new Set(blocks)].sort((a, b) => a - b), times }
}

function scheduled(
  config: JsonObject,
  table: readonly ForkKey[],
): { readonly at: number; readonly fork: Fork }[] {
  return table.flatMap(([key, fork]) => {
    // Petersburg undoes a part of Constantinople; a config that does not name it means both at once.
    const at =
      whenOf(config, key) ?? (key === 'petersburgBlock' ? whenOf(config, 'constantinopleBlock') : undefined)
    if (fork === 'dao' && config['daoForkSupport'] !== true) return []
    return at === undefined ? [] : [{ at, fork }]
  })
}

/** The number of the first block after the Merge; undefined for a chain that never merges. */
function mergeNumber(config: JsonObject, chainId: bigint): number | undefined {
  const total = config['terminalTotalDifficulty'] ?? undefined
  // A number that JSON cannot hold exactly (mainnet's) is not zero, and that is all that counts here.
  if (total !== undefined && Number(total) === 0) return 0
  const known = total === undefined ? undefined : MERGED_AT[String(chainId)]
  const at = known ?? whenOf(config, 'mergeNetsplitBlock')
  if (at !== undefined) return at
  if (config['terminalTotalDifficultyPassed'] === true) return 0
  const [after] = TIME_FORKS.map(([key]) => key).filter((key) => whenOf(config, key) !== undefined)
  if (after === undefined) return undefined
  throw new Fault(
    'chain/malformed',
    `config.${after} needs the Merge: set config.terminalTotalDifficulty to 0, or config.mergeNetsplitBlock to the first block after it`,
  )
}

/** The number or timestamp under a key; undefined where the fork is not scheduled. */
function whenOf(config: JsonObject, key: string): number | undefined {
  const at = config[key] ?? undefined
  return at === undefined ? undefined : jsonNumber(at, `config.${key}`)
}
