/**
 * Blocks of profile M1: 250 transactions, 620 accounts, 900 slot writes (35 % written a short time ago, 38 % new, 27 % old), 550 logs. Whole
 * in their links, hashes and blooms, executed by nobody.
 */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { logsBloom } from '#chain/transaction/bloom.ts'
import type { AccountChange, SlotChange } from '#chain/delta/delta.ts'
import { makeDelta } from '#chain/delta/delta-builder.ts'
import { deltaHash } from '#chain/delta/delta-hash.ts'
import type { Frame } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromFields } from '#chain/header/header-rlp.ts'
import type { Log, Receipt } from '#chain/transaction/receipt.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { decodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { concatBytes, fromHex, toHex, trimZeros } from '#kernel/bytes.ts'
import { addressOf, codeHashOf, createRandom, slotKey, slotValue, type World, zipf } from './world.ts'

/** Of each block. */
export interface Profile {
  readonly transactions: number
  readonly accounts: number
  readonly slots: number
  readonly logs: number
}
export const M1: Profile = { transactions: 250, accounts: 620, slots: 900, logs: 550 }
const HOT = 0.35
const NEW = 0.38
/** Slots, and accounts, written a short time ago: of about seven blocks. */
const HOT_KEPT_PER_SLOT = 6_000 / M1.slots
const NEW_ACCOUNTS = 0.1
/** Different first topics: events of all kinds, the first of them Transfer. */
const EVENTS = 300
const EMPTY_CODE = fromHex(EMPTY_CODE_HASH)

export function firstHeader(): Header {
  return header(toHex(new Uint8Array(32)) as BlockHash, 0, [])
}

/** Endless: each call gives the next block. `rootOf` is the state root after a block, where somebody will look at it. */
export function createBlocks(
  world: World,
  genesis: Header,
  { rootOf, profile = M1 }: { rootOf?: ((frame: Frame) => Uint8Array) | undefined; profile?: Profile } = {},
): () => Frame {
  const random = createRandom(1)
  const hotSlots: [number, number][] = []
  const hotAccounts: number[] = []
  let parent = genesis
  return () => {
    const transactions = Array.from({ length: profile.transactions }, (_, i) =>
      transaction(parent.number + 1, i, random),
    )
    const logs = Array.from({ length: profile.logs }, () => makeLog(world, random))
    const delta = makeDelta({
      accounts: pickAccounts({ world, random, hot: hotAccounts, profile }, parent.number),
      slots: pickSlots({ world, random, hot: hotSlots, profile }, parent.number),
      cleared: [],
      codes: [],
    })
    const made: Frame = {
      block: {
        header: header(parent.hash, parent.number + 1, logs),
        transactions,
        senders: transactions.map(() => addressOf(Math.floor(random() * world.accounts))),
        ommers: [],
        withdrawals: [],
      },
      receipts: receiptsOf(transactions, logs),
      delta,
      deltaHash: deltaHash(delta),
      senders: 'recovered',
      source: 'execute',
      level: 'root',
    }
    const frame = rootOf === undefined ? made : withRoot(made, rootOf(made))
    parent = frame.block.header
    return frame
  }
}

function withRoot(frame: Frame, stateRoot: Uint8Array): Frame {
  const { block } = frame
  return { ...frame, block: { ...block, header: headerFromFields({ ...block.header, stateRoot }) } }
}

interface Picking<T> {
  readonly world: World
  readonly random: () => number
  readonly hot: T[]
  readonly profile: Profile
}

function pickSlots({ world, random, hot, profile }: Picking<[number, number]>, number: number): SlotChange[] {
  const picked = new Map<number, [number, number]>()
  while (picked.size < profile.slots) {
    const kind = random()
    const old = hot[Math.floor(random() * hot.length)]
    let slot: [number, number]
    if (kind < HOT && old !== undefined) slot = old
    else {
      const contract = zipf(random, world.contracts)
      const count = world.slotsOf[contract] as number
      if (kind < HOT + NEW) world.slotsOf[contract] = count + 1
      slot = [contract, kind < HOT + NEW ? count : Math.floor(random() * count)]
    }
    picked.set(slot[0] * 2 ** 24 + slot[1], slot)
  }
  remember(hot, picked.values(), profile)
  return [...picked.values()].map(([contract, slot]) => ({
    address: addressOf(contract),
    key: slotKey(contract, slot),
    value: slotValue(contract, slot, number),
  }))
}

function pickAccounts({ world, random, hot, profile }: Picking<number>, number: number): AccountChange[] {
  const picked = new Set<number>()
  while (picked.size < profile.accounts) {
    const kind = random()
    const old = hot[Math.floor(random() * hot.length)]
    if (kind < HOT && old !== undefined) picked.add(old)
    else if (kind < HOT + NEW_ACCOUNTS) picked.add(world.accounts++)
    else picked.add(Math.floor(random() * world.accounts))
  }
  remember(hot, picked, profile)
  return [...picked].map((account) => ({
    address: addressOf(account),
    after: {
      nonce: BigInt(number),
      balance: 10n ** 18n + BigInt(account),
      codeHash: account < world.contracts ? codeHashOf(account) : EMPTY_CODE,
    },
  }))
}

function remember<T>(hot: T[], picked: Iterable<T>, { slots }: Profile): void {
  hot.push(...picked)
  hot.splice(0, Math.max(0, hot.length - Math.round(HOT_KEPT_PER_SLOT * slots)))
}

function makeLog(world: World, random: () => number): Log {
  const event = random() < 0.6 ? 0 : zipf(random, EVENTS)
  const party = (): Uint8Array =>
    concatBytes(new Uint8Array(12), addressOf(Math.floor(random() * world.accounts)))
  const parties = event === 0 ? [party(), party()] : random() < 0.5 ? [party()] : []
  return {
    address: addressOf(zipf(random, world.contracts)),
    topics: [slotKey(0, event), ...parties],
    data: slotValue(1, Math.floor(random() * 1e9), 0),
  }
}

function receiptsOf(transactions: readonly Transaction[], logs: readonly Log[]): Receipt[] {
  const firstOf = (i: number): number => Math.ceil((i * logs.length) / transactions.length)
  return transactions.map(({ type }, i) => ({
    type,
    outcome: { status: 1 },
    cumulativeGasUsed: BigInt(i + 1) * 120_000n,
    logs: logs.slice(firstOf(i), firstOf(i + 1)),
  }))
}

/** A call with some data: nobody checks its signature, because its sender comes with it. */
function transaction(number: number, index: number, random: () => number): Transaction {
  const signature = (n: number, m: number): Uint8Array => trimZeros(slotKey(n, m))
  return decodeTransaction(
    encodeRlp([
      rlpOf(index),
      rlpOf(20_000_000_000n),
      rlpOf(200_000n),
      addressOf(Math.floor(random() * 1e6)),
      rlpOf(number),
      concatBytes(...Array.from({ length: Math.floor(random() * 8) }, (_, i) => slotValue(number, index, i))),
      rlpOf(27n),
      signature(number, index),
      signature(index, number),
    ]),
  )
}

function header(parentHash: BlockHash, number: number, logs: readonly Log[]): Header {
  return headerFromFields({
    parentHash,
    ommersHash: new Uint8Array(32),
    beneficiary: new Uint8Array(20),
    stateRoot: slotKey(2, number),
    transactionsRoot: slotKey(3, number),
    receiptsRoot: slotKey(4, number),
    logsBloom: logsBloom(logs),
    difficulty: 0n,
    number,
    gasLimit: 60_000_000n,
    gasUsed: 30_000_000n,
    timestamp: 1_700_000_000 + 12 * number,
    extraData: new Uint8Array(),
    mixHash: new Uint8Array(32),
    nonce: new Uint8Array(8),
    baseFeePerGas: 7n,
    withdrawalsRoot: new Uint8Array(32),
  })
}
