/**
 * Synthetic chains of frames for tests: whole and consistent in their links, hashes, numbers and columns, but executed by nobody, so
 * roots in headers mean nothing. Siblings differ by `extra`; forks are made by naming a parent.
 */
import type { Address, BlockHash } from '#chain/block/block-ref.ts'
import { logsBloom } from '#chain/transaction/bloom.ts'
import type { AccountChange, Code, SlotChange } from '#chain/delta/delta.ts'
import { makeDelta } from '#chain/delta/delta-builder.ts'
import { deltaHash } from '#chain/delta/delta-hash.ts'
import type { Frame, Level, Withdrawal } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromFields } from '#chain/header/header-rlp.ts'
import type { Log, Receipt } from '#chain/transaction/receipt.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { decodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { bigintTo, toHex, trimZeros, utf8 } from '#kernel/bytes.ts'
import type { StoreIdentity } from '#state/identity.ts'

const CHAIN_ID = 31_337n
const GAS = 21_000n
const NO_PARENT = toHex(new Uint8Array(32)) as BlockHash

export interface NextBlock {
  /** The block that this one extends; else the one that was built last. */
  readonly parent?: Frame | Pick<Genesis, 'header'>
  readonly accounts?: readonly AccountChange[]
  readonly slots?: readonly SlotChange[]
  readonly cleared?: readonly Address[]
  readonly codes?: readonly Code[]
  /** One transaction with these logs each. */
  readonly logs?: readonly (readonly Log[])[]
  readonly withdrawals?: readonly Withdrawal[]
  readonly ommers?: readonly Header[]
  /** Tells siblings apart. */
  readonly extra?: string
  readonly level?: Level
  readonly stateRoot?: Uint8Array
}

export interface ChainBuilder {
  readonly genesis: Genesis
  readonly identity: StoreIdentity
  /** A frame on top of `parent`. Its delta is what the caller says, sorted into columns. */
  next(block?: NextBlock): Frame
}

export interface FirstBlock extends Partial<Pick<Genesis, 'accounts' | 'slots' | 'codes'>> {
  /** Not 0 where a test wants to cross one of the store's borders between block numbers. */
  readonly number?: number
  readonly stateRoot?: Uint8Array
}

export function createChainBuilder(state: FirstBlock = {}): ChainBuilder {
  const genesis: Genesis = {
    config: {
      chainId: CHAIN_ID,
      schedule: { blocks: [], times: [] },
      rulesAt: () => ({ chainId: CHAIN_ID, fork: 'shanghai' }),
      pretendedRules: () => ({ chainId: CHAIN_ID, fork: 'shanghai' }),
    },
    header: makeHeader(NO_PARENT, state.number ?? 0, 'genesis', [], state.stateRoot),
    accounts: state.accounts ?? [],
    slots: state.slots ?? [],
    codes: state.codes ?? [],
  }
  let last: Frame | Pick<Genesis, 'header'> = genesis
  return {
    genesis,
    identity: {
      cluster: 'test',
      chainId: CHAIN_ID,
      genesisHash: genesis.header.hash,
      generation: 1,
      feed: 'test-feed',
    },
    next(block = {}) {
      const frame = makeFrame(headerOf(block.parent ?? last), block)
      last = frame
      return frame
    },
  }
}

export function headerOf(parent: Frame | Pick<Genesis, 'header'>): Header {
  return 'block' in parent ? parent.block.header : parent.header
}

function makeFrame(parent: Header, block: NextBlock): Frame {
  const number = parent.number + 1
  const logs = block.logs ?? []
  const transactions = logs.map((_, index) => makeTransaction(number, index, block.extra ?? ''))
  const delta = makeDelta({
    accounts: block.accounts ?? [],
    slots: block.slots ?? [],
    cleared: block.cleared ?? [],
    codes: block.codes ?? [],
  })
  return {
    block: {
      header: makeHeader(parent.hash, number, block.extra ?? '', logs.flat(), block.stateRoot),
      transactions,
      senders: transactions.map((_, index) => makeAddress(0xa000 + index)),
      ommers: block.ommers ?? [],
      withdrawals: block.withdrawals ?? [],
    },
    receipts: transactions.map(
      ({ type }, index): Receipt => ({
        type,
        outcome: { status: index % 3 === 2 ? 0 : 1 },
        cumulativeGasUsed: BigInt(index + 1) * GAS,
        logs: logs[index] ?? [],
      }),
    ),
    delta,
    deltaHash: deltaHash(delta),
    senders: 'recovered',
    source: 'execute',
    level: block.level ?? 'root',
  }
}

function makeHeader(
  parentHash: BlockHash,
  number: number,
  extra: string,
  logs: readonly Log[] = [],
  stateRoot: Uint8Array = new Uint8Array(32),
): Header {
  return headerFromFields({
    parentHash,
    ommersHash: new Uint8Array(32),
    beneficiary: new Uint8Array(20),
    stateRoot,
    transactionsRoot: new Uint8Array(32),
    receiptsRoot: new Uint8Array(32),
    logsBloom: logsBloom(logs),
    difficulty: 0n,
    number,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    timestamp: 1_700_000_000 + 12 * number,
    extraData: utf8(extra),
    mixHash: new Uint8Array(32),
    nonce: new Uint8Array(8),
    baseFeePerGas: 7n,
    withdrawalsRoot: new Uint8Array(32),
  })
}

/** A legacy transaction that no other block has; the first of each block creates a contract. */
function makeTransaction(number: number, index: number, extra: string): Transaction {
  const integer = (value: bigint): Uint8Array => trimZeros(bigintTo(value, 32))
  return decodeTransaction(
    encodeRlp([
      integer(BigInt(index)),
      integer(7n),
      integer(GAS),
      index === 0 ? new Uint8Array() : makeAddress(0xb000 + index),
      integer(BigInt(number)),
      utf8(extra),
      integer(27n),
      integer(1n + BigInt(number)),
      integer(1n + BigInt(index)),
    ]),
  )
}

/** An address that ends in these bytes. */
export function makeAddress(n: number): Address {
  return bigintTo(BigInt(n), 20)
}
