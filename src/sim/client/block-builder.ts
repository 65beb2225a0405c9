/**
 * Builds real blocks with the core: transfers, notes in a contract, withdrawals, and sometimes nothing. Built blocks are kept by parent and
 * content across runs of this process, because building costs more than all that is done with one later.
 */
import type { BlockHash } from '#chain/block/block-ref.ts'
import type { Block, Withdrawal } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { type Header } from '#chain/header/header.ts'
import { headerFromFields } from '#chain/header/header-rlp.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { commitToReceipts, ommersHash, transactionsRoot, withdrawalsRoot } from '#chain/block/roots.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { decodeTransaction, encodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { keccak256 } from '#core/keccak.ts'
import { executeBlock } from '#evm/block/execute-block.ts'
import { MapState } from '#evm/testing/map-state.ts'
import { assert } from '#kernel/assert.ts'
import { bigintFrom, bigintTo, concatBytes, fromHex, toHex } from '#kernel/bytes.ts'
import type { Prng } from '#kernel/prng.ts'
import { blockJson } from '#rpc/encode/encode.ts'
import { address, CHAIN_ID, notebook, sender, SENDERS } from './genesis.ts'
import { firstModel, type Model, nextModel, rootOf, slotOf, type Wish } from './model.ts'

/** A block of the simulated chain, with all that anybody could ask about it. */
export interface BuiltBlock {
  readonly number: number
  readonly hash: BlockHash
  readonly parent: BuiltBlock | undefined
  readonly header: Header
  readonly block: Block
  readonly receipts: readonly Receipt[]
  readonly model: Model
  readonly state: MapState
  /** As eth_getBlock answers, with and without whole transactions. */
  readonly json: { readonly full: string; readonly hashes: string }
}

const BASE_FEE = 7n
const GAS_PRICE = 10n
const GAS_LIMIT = 100_000n
const BLOCK_SECONDS = 12
const RECIPIENTS = 8
const SLOTS = 5
const TRANSACTIONS_MAX = 3
const KEPT_MAX = 2_000

const beneficiary = address(0xfee)

/** Drawn small on purpose: what is drawn twice is built once. */
const VARIANTS = 4

export interface BlockBuilder {
  readonly genesis: Genesis
  readonly first: BuiltBlock
  /** One of a few possible blocks on top of `parent`. */
  next(parent: BuiltBlock, random: Prng): BuiltBlock
  /** Between two runs: forgets what was built where that is much. Within a run a block is one object. */
  tidy(): void
}

/**
 * What a header's state root is: that of the model's state, or, where nobody keeps a trie, any commitment to the history of deltas, which is
 * cheaper.
 */
export type StateRoots = 'true' | 'sham'

export function createBlockBuilder(genesis: Genesis, roots: StateRoots): BlockBuilder {
  const kept = new Map<string, BuiltBlock>()
  const first = firstBlock(genesis)
  return {
    genesis,
    first,
    next(parent, random) {
      const key = `${parent.hash} ${random.between(1, VARIANTS)}`
      const known = kept.get(key)
      if (known !== undefined) return known
      const built = build(
        parent,
        bigintFrom(keccak256(concatBytes(fromHex(parent.hash), Uint8Array.of(Number(key.at(-1)))))),
        { genesis, roots },
      )
      kept.set(key, built)
      return built
    },
    tidy() {
      if (kept.size >= KEPT_MAX) kept.clear()
    },
  }
}

function firstBlock(genesis: Genesis): BuiltBlock {
  const block: Block = { header: genesis.header, transactions: [], senders: [], ommers: [], withdrawals: [] }
  return {
    number: 0,
    hash: genesis.header.hash,
    parent: undefined,
    header: genesis.header,
    block,
    receipts: [],
    model: firstModel(),
    state: MapState.fromGenesis(genesis),
    json: jsonOf(block),
  }
}

/** `dice` is content: a number of 256 bits from which everything about the block is read. */
function build(
  parent: BuiltBlock,
  dice: bigint,
  { genesis, roots }: { readonly genesis: Genesis; readonly roots: StateRoots },
): BuiltBlock {
  const draw = (bound: number): number => {
    const value = Number(dice % BigInt(bound))
    dice /= BigInt(bound)
    return value
  }
  const wishes = draw(4) === 0 ? [] : Array.from({ length: 1 + draw(TRANSACTIONS_MAX) }, () => wish(draw))
  const nonces = new Map(parent.model.nonces)
  const transactions = wishes.map((one) => transactionOf(one, nonces))
  const withdrawals: Withdrawal[] =
    draw(3) === 0
      ? [
          {
            index: BigInt(parent.number),
            validatorIndex: 1n,
            address: address(0x77),
            amount: BigInt(1 + draw(9)),
          },
        ]
      : []
  const unproven: Block = {
    header: headerFromFields(fieldsOn(parent.header, transactions, withdrawals, draw(1 << 16))),
    transactions,
    senders: wishes.map(({ from }) => from),
    ommers: [],
    withdrawals,
  }
  const rules = genesis.config.rulesAt(unproven.header.number, unproven.header.timestamp)
  const executed = executeBlock(unproven, rules, parent.state)
  assert(executed.kind === 'executed', 'simulated blocks can be executed')
  const { root, bloom } = commitToReceipts(executed.receipts)
  const model = nextModel(parent.model, {
    wishes: wishes.map((one, i) => ({ wish: one, gasUsed: gasOf(executed.receipts, i) })),
    gasPrice: GAS_PRICE,
    baseFee: BASE_FEE,
    beneficiary,
    credits: withdrawals.map((w) => ({ address: w.address, wei: w.amount * 1_000_000_000n })),
  })
  const header = headerFromFields({
    ...unproven.header,
    gasUsed: executed.gasUsed,
    receiptsRoot: root,
    logsBloom: bloom,
    stateRoot:
      roots === 'true' ? rootOf(model) : keccak256(concatBytes(parent.header.stateRoot, executed.deltaHash)),
  })
  const block: Block = { ...unproven, header }
  const state = copyOf(parent.state)
  state.applyDelta(executed.delta)
  state.hashes.set(header.number, header.hash)
  return {
    number: header.number,
    hash: header.hash,
    parent,
    header,
    block,
    receipts: executed.receipts,
    state,
    json: jsonOf(block),
    model,
  }
}

function wish(draw: (bound: number) => number): Wish {
  const from = sender(draw(SENDERS))
  if (draw(2) === 0)
    return { kind: 'transfer', from, to: address(0x9000 + draw(RECIPIENTS)), wei: BigInt(1 + draw(1_000)) }
  return { kind: 'note', from, slot: 1 + draw(SLOTS), value: BigInt(draw(4)) }
}

/** Signatures are of nobody: senders are claimed by the client and proven by execution. */
function transactionOf(one: Wish, nonces: Map<string, number>): Transaction {
  const from = toHex(one.from)
  const nonce = nonces.get(from) ?? 0
  nonces.set(from, nonce + 1)
  const data = one.kind === 'note' ? concatBytes(slotOf(one.slot), bigintTo(one.value, 32)) : new Uint8Array()
  return decodeTransaction(
    encodeTransaction({
      type: 0,
      chainId: CHAIN_ID,
      nonce: BigInt(nonce),
      gasPrice: GAS_PRICE,
      gasLimit: GAS_LIMIT,
      to: one.kind === 'note' ? notebook : one.to,
      value: one.kind === 'note' ? 0n : one.wei,
      data,
      v: CHAIN_ID * 2n + 35n,
      r: bigintFrom(one.from) + 1n,
      s: 1n,
    }),
  )
}

function fieldsOn(
  parent: Header,
  transactions: readonly Transaction[],
  withdrawals: readonly Withdrawal[],
  extra: number,
): Parameters<typeof headerFromFields>[0] {
  return {
    ...parent,
    parentHash: parent.hash,
    ommersHash: ommersHash([]),
    beneficiary,
    transactionsRoot: transactionsRoot(transactions),
    withdrawalsRoot: withdrawalsRoot(withdrawals),
    number: parent.number + 1,
    timestamp: parent.timestamp + BLOCK_SECONDS,
    extraData: bigintTo(BigInt(extra), 2),
    baseFeePerGas: BASE_FEE,
  }
}

function gasOf(receipts: readonly Receipt[], i: number): bigint {
  return (receipts[i]?.cumulativeGasUsed ?? 0n) - (receipts[i - 1]?.cumulativeGasUsed ?? 0n)
}

function copyOf(state: MapState): MapState {
  const copy = new MapState()
  for (const [key, account] of state.accounts) copy.accounts.set(key, account)
  for (const [key, words] of state.slots) copy.slots.set(key, new Map(words))
  for (const [key, bytes] of state.codes) copy.codes.set(key, bytes)
  for (const [number, hash] of state.hashes) copy.hashes.set(number, hash)
  return copy
}

function jsonOf(block: Block): BuiltBlock['json'] {
  const parts = { ...block, size: 1_000 }
  return {
    full: JSON.stringify(blockJson(parts, 'full')),
    hashes: JSON.stringify(blockJson(parts, 'hashes')),
  }
}
