/** eth_config (EIP-7910): what a node takes the rules of its chain to be, now, next and last. */
import { forkId } from '#chain/fork/fork-id.ts'
import type { Header } from '#chain/header/header.ts'
import { type Fork, isActive, type Rules, type TimeFork } from '#chain/fork/rules.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { type Json, quantityText } from '#rpc/encode/encode.ts'
import { failed } from '#rpc/errors.ts'
import { readParams } from '#rpc/decode/params.ts'
import { type AnswerContext, headerAt } from '#roles/replica/answer/answer-context.ts'
import type { Handlers } from '#roles/replica/answer/handler.ts'

/** By the fork that brought them. */
const PRECOMPILES: readonly (readonly [since: Fork, address: number, name: string])[] = [
  ['frontier', 1, 'ECREC'], ['frontier', 2, 'SHA256'], ['frontier', 3, 'RIPEMD160'], ['frontier', 4, 'ID'],
  ['byzantium', 5, 'MODEXP'], ['byzantium', 6, 'BN254_ADD'], ['byzantium', 7, 'BN254_MUL'], ['byzantium', 8, 'BN254_PAIRING'],
  ['istanbul', 9, 'BLAKE2F'], ['cancun', 10, 'KZG_POINT_EVALUATION'],
  ['prague', 11, 'BLS12_G1ADD'], ['prague', 12, 'BLS12_G1MSM'], ['prague', 13, 'BLS12_G2ADD'], ['prague', 14, 'BLS12_G2MSM'],
  ['prague', 15, 'BLS12_PAIRING_CHECK'], ['prague', 16, 'BLS12_MAP_FP_TO_G1'], ['prague', 17, 'BLS12_MAP_FP2_TO_G2'],
  ['osaka', 0x100, 'P256VERIFY'],
] // biome-ignore format: one table

const SYSTEM_CONTRACTS: readonly (readonly [since: Fork, name: string, address: string])[] = [
  ['amsterdam', 'BUILDER_DEPOSIT_CONTRACT_ADDRESS', '0x0000bff46984e3725691fa540a8c7589300d8282'],
  ['amsterdam', 'BUILDER_EXIT_CONTRACT_ADDRESS', '0x000064d678505ad48f8ccb093bc65613800e8282'],
  ['cancun', 'BEACON_ROOTS_ADDRESS', '0x000f3df6d732807ef1319fb7b8bb8522d0beac02'],
  ['prague', 'CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS', '0x0000bbddc7ce488642fb579f8b00f3a590007251'],
  ['prague', 'HISTORY_STORAGE_ADDRESS', '0x0000f90827f1c53a10cb7a02335b175320002935'],
  ['prague', 'WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS', '0x00000961ef480eb55e80d19ad83579a64c007002'],
] // biome-ignore format: one table

export const configMethods = {
  eth_config: (params, context) => {
    readParams(params)
    const { times } = context.config.schedule
    const { timestamp } = headerAt(context, context.head.head.number)
    const genesis = context.snapshot.header(0)
    if (genesis === undefined) throw failed('server', 'unable to load genesis')
    const passed = times.findLastIndex(({ at }) => at <= timestamp)
    const describe = (fork: TimeFork | undefined): Json =>
      fork === undefined ? null : described(context, genesis, fork)
    const next = times[passed + 1]
    return {
      current: describe(times[passed]),
      next: describe(next),
      last: next === undefined ? null : describe(times.at(-1)),
    }
  },
} satisfies Handlers

function described({ config }: AnswerContext, genesis: Header, { at }: TimeFork): Json {
  const { schedule, chainId } = config
  const rules = rulesOf(config, at)
  // geth looks at what sets blob parameters up to here, the named fork that was last included.
  const blob = schedule.times.findLast((each) => each.at <= at && each.blob !== undefined)?.blob
  return {
    activationTime: genesis.timestamp >= at ? 0 : at,
    blobSchedule:
      blob === undefined ? null : { ...blob, baseFeeUpdateFraction: Number(blob.baseFeeUpdateFraction) },
    chainId: quantityText(chainId),
    forkId: forkId({ hash: fromHex(genesis.hash), timestamp: genesis.timestamp }, schedule, at),
    precompiles: Object.fromEntries(
      PRECOMPILES.filter(([since]) => isActive(rules, since)).map(([, address, name]) => [
        name,
        addressOf(address),
      ]),
    ),
    systemContracts: systemContracts(rules),
  }
}

/** Of a block after the Merge, whatever its number. */
function rulesOf(config: AnswerContext['config'], timestamp: number): Rules {
  try {
    return config.pretendedRules({ number: Number.MAX_SAFE_INTEGER, timestamp, merged: true })
  } catch (thrown) {
    if (thrown instanceof Fault) throw failed('server', thrown.message) // a fork that is not supported yet
    throw thrown
  }
}

function systemContracts(rules: Rules): Record<string, string> {
  const named = SYSTEM_CONTRACTS.filter(([since]) => isActive(rules, since)).map(([, name, address]) => [
    name,
    address,
  ])
  const deposits = toHex(rules.depositContract ?? new Uint8Array(20))
  return Object.fromEntries([
    ...named,
    ...(isActive(rules, 'prague') ? [['DEPOSIT_CONTRACT_ADDRESS', deposits]] : []),
  ]) as Record<string, string>
}

function addressOf(number: number): string {
  return `0x${number.toString(16).padStart(40, '0')}`
}
