/** Fee methods: geth's gas price oracle (eth/gasprice) and fee history, computed from stored blocks. */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { blobBaseFee, nextBaseFee, nextExcessBlobGas } from '#chain/block/fees.ts'
import type { Header } from '#chain/header/header.ts'
import { GAS_PER_BLOB } from '#chain/block/verify-block.ts'
import { equalBytes } from '#kernel/bytes.ts'
import { effectiveGasPrice, type Json, quantityText } from '#rpc/encode/encode.ts'
import { failed } from '#rpc/errors.ts'
import { cannot, goKind, invalid } from '#rpc/decode/geth-hex.ts'
import { listOf, reading } from '#rpc/decode/go-struct.ts'
import { numberPlace, readParams, required } from '#rpc/decode/params.ts'
import { type AnswerContext, findNumber, headerAt } from '#roles/replica/answer/answer-context.ts'
import type { Handlers } from '#roles/replica/answer/handler.ts'

/** geth's defaults: the 60th percentile of the three lowest tips of each of the last 20 blocks, tips under 2 wei left out. */
const ORACLE = {
  blocks: 20,
  percentile: 60,
  samples: 3,
  ignoreUnder: 2n,
  max: 500_000_000_000n,
  start: 1_000_000n,
} as const
const HISTORY_BLOCKS_MAX = 1_024
const PERCENTILES_MAX = 100

export function feeMethods() {
  let memo: { readonly hash: BlockHash; readonly tip: bigint } | undefined
  const suggestedTip = (context: AnswerContext): bigint => {
    const { hash } = context.head.head
    if (memo?.hash !== hash) memo = { hash, tip: suggestTip(context) }
    return memo.tip
  }
  return {
    eth_gasPrice: (params, context) => {
      readParams(params)
      return quantityText(
        suggestedTip(context) + (headerAt(context, context.head.head.number).baseFeePerGas ?? 0n),
      )
    },
    eth_maxPriorityFeePerGas: (params, context) => {
      readParams(params)
      return quantityText(suggestedTip(context))
    },
    eth_baseFee: (params, context) => {
      readParams(params)
      return quantityText(nextFee(context, headerAt(context, context.head.head.number)))
    },
    eth_blobBaseFee: (params, context) => {
      readParams(params)
      const fee = nextBlobFee(context, headerAt(context, context.head.head.number))
      return fee === undefined ? null : quantityText(fee)
    },
    eth_feeHistory: feeHistory,
  } satisfies Handlers
}

function suggestTip(context: AnswerContext): bigint {
  const results: bigint[] = []
  let number = context.head.head.number
  let asked = 0
  let limit: number = ORACLE.blocks
  for (; asked < limit && number > context.snapshot.chainFrom; asked++, number--) {
    const tips = lowestTips(context, number)
    // A block that tells nothing is made up for by one more, up to twice as many.
    if (tips.length <= 1 && results.length + 1 + (limit - asked) < 2 * ORACLE.blocks)
      limit = Math.min(limit + 1, 2 * ORACLE.blocks)
    results.push(...(tips.length === 0 ? [ORACLE.start] : tips))
  }
  if (results.length === 0) return ORACLE.start
  results.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const price = results[Math.floor(((results.length - 1) * ORACLE.percentile) / 100)] as bigint
  return price > ORACLE.max ? ORACLE.max : price
}

function lowestTips({ snapshot }: AnswerContext, number: number): bigint[] {
  const block = snapshot.block(number)
  if (block === undefined) return []
  const { baseFeePerGas, beneficiary } = block.header
  return block.transactions
    .flatMap((transaction, i) => {
      const tip = effectiveGasPrice(transaction, baseFeePerGas) - (baseFeePerGas ?? 0n)
      return tip < ORACLE.ignoreUnder || equalBytes(block.senders[i] as Uint8Array, beneficiary) ? [] : [tip]
    })
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .slice(0, ORACLE.samples)
}

function nextBlobFee({ config }: AnswerContext, header: Header): bigint | undefined {
  const rules = config.rulesAt(header.number + 1, header.timestamp)
  return rules.blob && blobBaseFee(nextExcessBlobGas(header, rules, rules.blob), rules.blob)
}

function feeHistory(params: unknown, context: AnswerContext): Json {
  const [asked, place, wanted] = readParams(
    params,
    required(blockCount),
    required(numberPlace),
    required(floats),
  )
  if (asked < 1) return { oldestBlock: '0x0', gasUsedRatio: null }
  checkPercentiles(wanted)
  const last = findNumber(context, place)
  if (last === undefined) {
    const requested = place.kind === 'number' ? (place.exact ?? place.number) : 0
    throw failed(
      'server',
      `request beyond head block: requested ${requested}, head ${context.head.head.number}`,
    )
  }
  const blocks = Math.min(asked, HISTORY_BLOCKS_MAX, last - context.snapshot.chainFrom + 1)
  if (blocks < 1) return { oldestBlock: '0x0', gasUsedRatio: null }
  const first = last - blocks + 1
  const headers = Array.from({ length: blocks }, (_, i) => headerAt(context, first + i))
  const newestHeader = headers.at(-1) as Header
  return {
    oldestBlock: quantityText(first),
    ...(wanted.length > 0
      ? { reward: headers.map((header) => rewards(context, header, wanted).map(quantityText)) }
      : {}),
    baseFeePerGas: [
      ...headers.map((header) => header.baseFeePerGas ?? 0n),
      nextFee(context, newestHeader),
    ].map(quantityText),
    gasUsedRatio: headers.map(({ gasUsed, gasLimit }) => Number(gasUsed) / Number(gasLimit)),
    baseFeePerBlobGas: [
      ...headers.map((header) => blobFee(context, header)),
      nextBlobFee(context, newestHeader) ?? 0n,
    ].map(quantityText),
    blobGasUsedRatio: headers.map((header) => blobRatio(context, header)),
  }
}

function nextFee({ config }: AnswerContext, header: Header): bigint {
  const { fork } = config.rulesAt(header.number + 1, header.timestamp)
  const beforeLondon =
    header.baseFeePerGas === undefined && !['london', 'arrowGlacier', 'grayGlacier', 'merge'].includes(fork)
  return beforeLondon ? 0n : nextBaseFee(header)
}

function blobFee({ config }: AnswerContext, header: Header): bigint {
  const { blob } = config.rulesAt(header.number, header.timestamp)
  return blob && header.excessBlobGas !== undefined ? blobBaseFee(header.excessBlobGas, blob) : 0n
}

function blobRatio({ config }: AnswerContext, header: Header): number {
  const { blob } = config.rulesAt(header.number, header.timestamp)
  return blob && header.blobGasUsed !== undefined
    ? Number(header.blobGasUsed) / Number(BigInt(blob.max) * GAS_PER_BLOB)
    : 0
}

/** The tips at the wanted percentiles of the block's gas. */
function rewards({ snapshot }: AnswerContext, header: Header, percentiles: readonly number[]): bigint[] {
  const block = snapshot.block(header.number)
  const receipts = snapshot.receipts(header.number)
  if (block === undefined || receipts === undefined || block.transactions.length === 0)
    return percentiles.map(() => 0n)
  const paid = block.transactions.map((transaction, i) => ({
    tip: effectiveGasPrice(transaction, header.baseFeePerGas) - (header.baseFeePerGas ?? 0n),
    gas: receipts[i]?.gasUsed ?? 0n,
  }))
  paid.sort((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0))
  let at = 0
  let sum = paid[0]?.gas ?? 0n
  return percentiles.map((percentile) => {
    const threshold = (Number(header.gasUsed) * percentile) / 100
    while (Number(sum) < Math.floor(threshold) && at < paid.length - 1) sum += paid[++at]?.gas ?? 0n
    return paid[at]?.tip ?? 0n
  })
}

/** math.HexOrDecimal64: a number, or a text in hex or decimal, of 64 bits. More than the most blocks is as good as any more. */
function blockCount(value: unknown, index: number): number {
  // As it is written, escapes and all.
  const written = JSON.stringify(value)
  const text = typeof value === 'string' ? written.slice(1, -1) : written
  if (text === '') return 0
  const number = /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? bigintOf(text) : undefined
  if (number === undefined || number > UINT64_MAX)
    throw invalid(index, `invalid hex or decimal integer ${JSON.stringify(text)}`)
  return number > BigInt(HISTORY_BLOCKS_MAX) ? HISTORY_BLOCKS_MAX : Number(number)
}
const UINT64_MAX = 2n ** 64n - 1n

/** Leading zeros count for nothing; without them no number of 64 bits has more than 20 characters. */
function bigintOf(text: string): bigint | undefined {
  const short = text.replace(/^(0[xX])?0*(?=.)/, (prefix) => (/x/i.test(prefix) ? '0x' : ''))
  return short.length > 20 ? undefined : BigInt(short)
}

function floats(value: unknown, index: number): readonly number[] {
  return reading((remembered) =>
    (listOf(value, { index, type: '[]float64' }, remembered) ?? []).map((one) => {
      if (typeof one === 'number') return one
      if (one !== null) remembered.error ??= cannot(goKind(one), { index, type: 'float64' })
      return 0
    }),
  )
}

function checkPercentiles(wanted: readonly number[]): void {
  if (wanted.length > PERCENTILES_MAX)
    throw failed('server', `invalid reward percentile: over the query limit ${PERCENTILES_MAX}`)
  for (const [i, one] of wanted.entries()) {
    if (one < 0 || one > 100) throw failed('server', `invalid reward percentile: ${fixed(one)}`)
    const before = wanted[i - 1]
    if (before !== undefined && one <= before)
      throw failed('server', `invalid reward percentile: #${i - 1}:${fixed(before)} >= #${i}:${fixed(one)}`)
  }
}

/** Go's %f: no exponent, however large. */
function fixed(number: number): string {
  return Math.abs(number) < 1e21 ? number.toFixed(6) : `${BigInt(number)}.000000`
}
