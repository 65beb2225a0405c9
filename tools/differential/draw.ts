/** Well-formed parameters, drawn at random from what a chain has and from what it has not. */
import { toHex } from '#kernel/bytes.ts'
import type { Prng } from '#kernel/prng.ts'
import type { Facts } from './facts.ts'
import { Fields, fields, Raw } from './json-text.ts'

/** What parameters are drawn with. */
export interface Hand {
  readonly prng: Prng
  readonly facts: Facts
}
export type Draw = (hand: Hand) => unknown

const TAGS = ['latest', 'safe', 'finalized', 'earliest', 'pending']
/** Opcodes that end, compute or look around; and some that do not exist. */
const OPCODES = [...Array(0x20).keys(), 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x60, 0x61, 0x80, 0x81, 0x90, 0xa0, 0xa1, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xfa, 0xfd, 0xfe, 0xff] // biome-ignore format: one table
/** Something on the stack, so that most programs come further than their first instruction. */
const PUSHES = '6001600260036020600560016000600760ff'

export const quantity = (value: number | bigint): string => `0x${value.toString(16)}`
const word = (value: number | bigint): string => `0x${value.toString(16).padStart(64, '0')}`
const oneOf =
  (...draws: readonly Draw[]): Draw =>
  (hand) =>
    hand.prng.pick(draws)(hand)
const sometimes =
  (probability: number, draw: Draw): Draw =>
  (hand) =>
    hand.prng.chance(probability) ? draw(hand) : undefined
const listOf =
  (draw: Draw, max: number): Draw =>
  (hand) =>
    Array.from({ length: hand.prng.between(0, max) }, () => draw(hand))

export const address: Draw = ({ prng, facts }) => {
  const drawn = prng.unit()
  if (drawn < 0.75) return prng.pick(facts.addresses)
  if (drawn < 0.85) return `0x${prng.between(0, 0x12).toString(16).padStart(40, '0')}`
  const other = toHex(prng.bytes(20))
  return drawn < 0.95
    ? other
    : prng.chance(0.5)
      ? other.toUpperCase().replace('X', 'x')
      : other.replace('x', 'X')
}
export const hash: Draw = ({ prng, facts }) => {
  const drawn = prng.unit()
  if (drawn < 0.85) return prng.pick(facts.blocks)
  return drawn < 0.92 && facts.sides.length > 0 ? prng.pick(facts.sides) : toHex(prng.bytes(32))
}
export const transaction: Draw = ({ prng, facts }) =>
  prng.chance(0.85) ? prng.pick(facts.transactions) : toHex(prng.bytes(32))
export const blockNumber: Draw = ({ prng, facts }) => {
  const head = facts.blocks.length - 1
  const beyond = [head + 1, head + 1_000, 2 ** 40, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n]
  return quantity(prng.chance(0.9) ? prng.between(0, head) : prng.pick(beyond))
}
export const numberOrTag: Draw = ({ prng, facts }) =>
  prng.chance(0.5) ? prng.pick(TAGS) : blockNumber({ prng, facts })
const eip1898: Draw = (hand) => {
  const canonical = hand.prng.pick([undefined, undefined, true, false, null])
  return hand.prng.chance(0.5)
    ? fields({ blockHash: hash(hand), requireCanonical: canonical })
    : fields({ blockNumber: numberOrTag(hand), requireCanonical: canonical })
}
export const place: Draw = oneOf(numberOrTag, numberOrTag, numberOrTag, hash, eip1898)

export const boolean: Draw = ({ prng }) => prng.chance(0.5)
export const index: Draw = ({ prng }) =>
  quantity(prng.chance(0.8) ? prng.between(0, 9) : prng.pick([2n ** 31n, 2n ** 63n, 2n ** 64n - 1n]))
export const storageKey: Draw = ({ prng }) =>
  prng.pick([
    () => quantity(prng.between(0, 9)),
    () => word(prng.between(0, 9)),
    () => toHex(prng.bytes(32)),
    () => toHex(prng.bytes(prng.between(0, 33))),
    () => String(prng.between(0, 99)),
    () => '',
  ])()
export const storageKeys: Draw = (hand) => listOf(storageKey, 3)(hand)
const slot: Draw = ({ prng }) => (prng.chance(0.8) ? word(prng.between(0, 9)) : toHex(prng.bytes(32)))
export const slotsByAddress: Draw = (hand) =>
  new Fields(
    Array.from(
      { length: hand.prng.between(0, 3) },
      () => [String(address(hand)), listOf(slot, 3)(hand)] as const,
    ),
  )
/** Bytes that no pool takes: what changes a node is nothing to repeat. */
export const notATransaction: Draw = ({ prng }) =>
  toHex(Uint8Array.of(prng.between(0, 0xff), ...prng.bytes(prng.between(0, 40))))
export const bytes: Draw = ({ prng }) => toHex(prng.bytes(prng.between(0, 40)))

const wei: Draw = ({ prng }) =>
  quantity(
    prng.pick([
      0n,
      1n,
      7n,
      10n ** 9n,
      2n * 10n ** 9n,
      10n ** 18n,
      10n ** 27n,
      2n ** 255n,
      BigInt(prng.between(0, 1e9)),
    ]),
  )
const gas: Draw = ({ prng }) =>
  quantity(
    prng.pick([
      0,
      20_999,
      21_000,
      21_500,
      30_000,
      60_000,
      100_000,
      1_000_000,
      50_000_001,
      2 ** 40,
      2n ** 64n - 1n,
    ]),
  )
const input: Draw = ({ prng, facts }) =>
  prng.chance(0.7) && facts.callData.length > 0
    ? prng.pick(facts.callData)
    : toHex(prng.bytes(prng.between(0, 70)))
const target: Draw = ({ prng, facts }) =>
  prng.chance(0.7) ? prng.pick(facts.contracts) : address({ prng, facts })
const accessList: Draw = listOf(
  (hand) => fields({ address: address(hand), storageKeys: listOf(slot, 2)(hand) }),
  2,
)
const authorization: Draw = (hand) =>
  fields({
    chainId: quantity(hand.prng.pick([0, 1, 1_337])),
    address: address(hand),
    nonce: quantity(hand.prng.between(0, 3)),
    yParity: quantity(hand.prng.between(0, 1)),
    r: wei(hand),
    s: wei(hand),
  })
const blobHash: Draw = ({ prng }) => `0x${prng.chance(0.8) ? '01' : '02'}${toHex(prng.bytes(31)).slice(2)}`

export const callObject: Draw = (hand) => {
  const rare = (draw: Draw): unknown => sometimes(0.04, draw)(hand)
  return fields({
    from: sometimes(0.6, address)(hand),
    to: sometimes(0.95, target)(hand),
    input: sometimes(0.6, input)(hand),
    data: sometimes(0.2, input)(hand),
    value: sometimes(0.25, wei)(hand),
    gas: sometimes(0.25, gas)(hand),
    gasPrice: sometimes(0.08, wei)(hand),
    maxFeePerGas: sometimes(0.08, wei)(hand),
    maxPriorityFeePerGas: sometimes(0.08, wei)(hand),
    nonce: rare(index),
    chainId: rare(({ prng }) => quantity(prng.pick([1, 1_337]))),
    accessList: sometimes(0.08, accessList)(hand),
    maxFeePerBlobGas: rare(wei),
    blobVersionedHashes: rare(listOf(blobHash, 3)),
    authorizationList: rare(listOf(authorization, 2)),
    more: rare(() => 1),
  })
}
const program: Draw = ({ prng }) =>
  `0x${PUSHES}${Array.from({ length: prng.between(0, 24) }, () => prng.pick(OPCODES).toString(16).padStart(2, '0')).join('')}`
const slots: Draw = (hand) =>
  new Fields(Array.from({ length: hand.prng.between(0, 2) }, () => [String(slot(hand)), slot(hand)] as const))
const accountOverride: Draw = (hand) =>
  fields({
    balance: sometimes(0.4, wei)(hand),
    nonce: sometimes(0.3, index)(hand),
    code: sometimes(0.5, oneOf(program, bytes))(hand),
    state: sometimes(0.15, slots)(hand),
    stateDiff: sometimes(0.25, slots)(hand),
    movePrecompileToAddress: sometimes(0.05, address)(hand),
  })
export const stateOverrides: Draw = (hand) =>
  new Fields(
    Array.from(
      { length: hand.prng.between(0, 2) },
      () => [String(target(hand)), accountOverride(hand)] as const,
    ),
  )
export const blockOverrides: Draw = (hand) => {
  const rare = (draw: Draw): unknown => sometimes(0.25, draw)(hand)
  const small: Draw = ({ prng }) => quantity(prng.between(0, 2 ** 40))
  return fields({
    number: rare(small),
    time: rare(small),
    gasLimit: rare(gas),
    feeRecipient: rare(address),
    prevRandao: rare(slot),
    baseFeePerGas: rare(wei),
    blobBaseFee: rare(wei),
    difficulty: rare(small),
    withdrawals: hand.prng.chance(0.02) ? [] : undefined,
    beaconRoot: hand.prng.chance(0.02) ? slot(hand) : undefined,
  })
}

const topic: Draw = ({ prng, facts }) =>
  prng.chance(0.8) && facts.topics.length > 0 ? prng.pick(facts.topics) : toHex(prng.bytes(32))
export const logFilter: Draw = (hand) =>
  hand.prng.chance(0.3)
    ? fields({
        blockHash: hash(hand),
        address: filterAddress(hand),
        topics: filterTopics(hand),
        ...(hand.prng.chance(0.1) && { fromBlock: numberOrTag(hand) }),
      })
    : fields({
        fromBlock: sometimes(0.8, numberOrTag)(hand),
        toBlock: sometimes(0.8, numberOrTag)(hand),
        address: filterAddress(hand),
        topics: filterTopics(hand),
      })
const filterAddress: Draw = sometimes(0.5, oneOf(target, listOf(target, 3)))
const filterTopics: Draw = sometimes(
  0.6,
  listOf(
    oneOf(
      topic,
      () => null,
      listOf(topic, 3),
      listOf(
        oneOf(topic, () => null),
        3,
      ),
    ),
    5,
  ),
)

export const blockCount: Draw = ({ prng }) => {
  const count = prng.chance(0.9) ? prng.between(0, 30) : prng.pick([1_024, 2 ** 40])
  return prng.chance(0.02) ? new Raw('1e1') : prng.pick([quantity(count), count, String(count)])
}
export const percentiles: Draw = ({ prng }) => {
  const drawn = Array.from({ length: prng.between(0, 5) }, () =>
    prng.pick([0, 1, 25, 50, 99.5, 100, 33.3333333, prng.between(0, 1_000) / 7]),
  )
  return prng.chance(0.8) ? [...new Set(drawn)].sort((a, b) => a - b) : drawn
}
