/** What there is to ask about on a chain, read from its client once: blocks, transactions, accounts, topics. */
import type { Hex } from '#kernel/bytes.ts'
import { resultsOf } from '#test/support/json-rpc.ts'

export interface Facts {
  /** By number. */
  readonly blocks: readonly Hex[]
  /** Of blocks that were reorganised away. */
  readonly sides: readonly Hex[]
  readonly transactions: readonly Hex[]
  readonly addresses: readonly Hex[]
  /** Those with code at the head. */
  readonly contracts: readonly Hex[]
  readonly topics: readonly Hex[]
  readonly callData: readonly Hex[]
}

const TRANSACTIONS_MAX = 2_000
const CALL_DATA_MAX = 200

interface Block {
  readonly hash: Hex
  readonly miner: Hex
  readonly transactions: readonly {
    readonly hash: Hex
    readonly from: Hex
    readonly to: Hex | null
    readonly input: Hex
  }[]
}
interface Receipt {
  readonly contractAddress: Hex | null
  readonly logs: readonly { readonly address: Hex; readonly topics: readonly Hex[] }[]
}

/** @param more addresses and blocks that the chain itself does not name */
export async function readFacts(
  url: string,
  head: number,
  more: { readonly addresses: Iterable<Hex>; readonly sides: readonly Hex[] },
): Promise<Facts> {
  const numbers = Array.from({ length: head + 1 }, (_, i) => `0x${i.toString(16)}`)
  const blocks = (await resultsOf(
    url,
    numbers.map((at) => ['eth_getBlockByNumber', [at, true]]),
    50,
  )) as Block[]
  const receipts = (await resultsOf(
    url,
    numbers.map((at) => ['eth_getBlockReceipts', [at]]),
    50,
  )) as Receipt[][]
  const transactions = blocks.flatMap((block) => block.transactions)
  const addresses = new Set<Hex>(more.addresses)
  const topics = new Set<Hex>()
  for (const { miner } of blocks) addresses.add(miner)
  for (const { from, to } of transactions)
    for (const each of [from, to]) if (each !== null) addresses.add(each)
  for (const { contractAddress, logs } of receipts.flat()) {
    if (contractAddress !== null) addresses.add(contractAddress)
    for (const topic of logs.flatMap((log) => log.topics)) topics.add(topic)
  }
  const known = [...addresses]
  const codes = (await resultsOf(
    url,
    known.map((each) => ['eth_getCode', [each, 'latest']]),
  )) as Hex[]
  return {
    blocks: blocks.map(({ hash }) => hash),
    sides: more.sides,
    transactions: transactions.slice(-TRANSACTIONS_MAX).map(({ hash }) => hash),
    addresses: known,
    contracts: known.filter((_, i) => codes[i] !== '0x'),
    topics: [...topics],
    callData: [
      ...new Set(
        transactions
          .map(({ input }) => input)
          .filter((input) => input !== '0x' && input.length < CALL_DATA_CHARACTERS),
      ),
    ].slice(-CALL_DATA_MAX),
  }
}
const CALL_DATA_CHARACTERS = 1_000
