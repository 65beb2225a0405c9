/** A small state at one block of a fork, and blocks on top of it, for tests. */
import type { Block, Withdrawal } from '#chain/block/frame.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromFields } from '#chain/header/header-rlp.ts'
import type { Fork, Rules } from '#chain/fork/rules.ts'
import type { SetCodeTransaction, Transaction } from '#chain/transaction/transaction.ts'
import { toHex } from '#kernel/bytes.ts'
import { MapState } from './map-state.ts'

export interface WorldAccount {
  readonly balance?: bigint
  readonly nonce?: number
  readonly code?: Uint8Array
  /** By slot number. */
  readonly storage?: Readonly<Record<string, bigint>>
}

export interface World {
  readonly header: Header
  readonly rules: Rules
  readonly view: MapState
}

/** Forks that a test may want, oldest first, with the key that schedules each. */
const SCHEDULE: readonly (readonly [fork: Fork, key: string])[] = [
  ['homestead', 'homesteadBlock'], ['tangerine', 'eip150Block'], ['spuriousDragon', 'eip155Block'], ['spuriousDragon', 'eip158Block'], ['byzantium', 'byzantiumBlock'],
  ['constantinople', 'constantinopleBlock'], ['petersburg', 'petersburgBlock'], ['istanbul', 'istanbulBlock'], ['berlin', 'berlinBlock'],
  ['london', 'londonBlock'], ['merge', 'terminalTotalDifficulty'], ['shanghai', 'shanghaiTime'], ['cancun', 'cancunTime'],
  ['prague', 'pragueTime'], ['osaka', 'osakaTime'], ['amsterdam', 'amsterdamTime'],
] // biome-ignore format: one table

/** `0x10…` and ends in `n`: no precompile. */
export function address(n: number): Uint8Array {
  const bytes = new Uint8Array(20)
  bytes[0] = 0x10
  new DataView(bytes.buffer).setUint32(16, n)
  return bytes
}

/** @param accounts by `n` of their {@link address} */
export function createWorld(accounts: Readonly<Record<number, WorldAccount>>, fork: Fork = 'osaka'): World {
  const last = SCHEDULE.findLastIndex(([name]) => name === fork)
  const config = Object.fromEntries(SCHEDULE.slice(0, last + 1).map(([, key]) => [key, 0]))
  const alloc = Object.entries(accounts).map(([n, { balance = 0n, nonce = 0, code, storage = {} }]) => [
    toHex(address(Number(n))),
    {
      balance: `0x${balance.toString(16)}`,
      nonce: `0x${nonce.toString(16)}`,
      ...(code && { code: toHex(code) }),
      storage: Object.fromEntries(
        Object.entries(storage)
          .map(([slot, value]) => [BigInt(slot), value])
          .map(([slot, value]) => [
            `0x${(slot as bigint).toString(16)}`,
            `0x${(value as bigint).toString(16)}`,
          ]),
      ),
    },
  ])
  const genesis = parseGenesis(
    JSON.stringify({
      config: { chainId: 1, ...config },
      gasLimit: '0x3938700',
      difficulty: '0x0',
      timestamp: '0x64',
      alloc: Object.fromEntries(alloc),
    }),
  )
  const { header } = genesis
  return {
    header,
    rules: genesis.config.rulesAt(header.number, header.timestamp),
    view: MapState.fromGenesis(genesis),
  }
}

/** One transaction of a {@link nextBlock}; unsigned, for execution alone. */
export interface WorldTransaction {
  readonly from: Uint8Array
  readonly to?: Uint8Array
  readonly nonce: number
  readonly value?: bigint
  readonly data?: Uint8Array
  readonly gas?: bigint
  readonly authorizations?: SetCodeTransaction['authorizationList']
}

/** A block on top of the world's. Its roots mean nothing. */
export function nextBlock(
  { header, rules }: World,
  transactions: readonly WorldTransaction[],
  withdrawals: readonly Withdrawal[] = [],
): Block {
  return {
    header: headerFromFields({
      ...header,
      parentHash: header.hash,
      beneficiary: address(0xfee),
      number: header.number + 1,
      timestamp: header.timestamp + 12,
    }),
    transactions: transactions.map((t) => unsigned(t, rules.chainId)),
    senders: transactions.map(({ from }) => from),
    ommers: [],
    withdrawals,
  }
}

const MAX_FEE = 2_000_000_000n

function unsigned(t: WorldTransaction, chainId: bigint): Transaction {
  const common = {
    raw: new Uint8Array(0),
    hash: new Uint8Array(32),
    nonce: BigInt(t.nonce),
    gasLimit: t.gas ?? 1_000_000n,
    value: t.value ?? 0n,
    data: t.data ?? new Uint8Array(0),
    v: 0n,
    r: 0n,
    s: 0n,
    chainId,
    maxPriorityFeePerGas: 0n,
    maxFeePerGas: MAX_FEE,
    accessList: [],
  }
  if (t.authorizations && t.to) return { ...common, type: 4, to: t.to, authorizationList: t.authorizations }
  return { ...common, type: 2, ...(t.to && { to: t.to }) }
}
