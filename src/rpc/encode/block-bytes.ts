/** Blocks as JSON bytes: field for field what blockJson of encode.ts makes, the slow twin. */
import type { Withdrawal } from '#chain/block/frame.ts'
import type { Header } from '#chain/header/header.ts'
import { toHex } from '#kernel/bytes.ts'
import { headerJson, quantityText, withdrawalJson } from './encode.ts'
import type { EncodedResult } from '#rpc/answer.ts'
import { encodedJson, JSON_TEXT, type JsonBytes } from './json-bytes.ts'
import { transactionPlace, writeTransaction } from './transaction-bytes.ts'

/** A block whose transactions are their canonical bytes still. */
export interface RawBlockParts {
  readonly header: Header
  /** As many hashes, transactions and senders, in one order. */
  readonly hashes: readonly Uint8Array[]
  readonly transactions: readonly Uint8Array[]
  readonly senders: readonly Uint8Array[]
  readonly ommers: readonly Header[]
  readonly withdrawals?: readonly Withdrawal[]
  readonly size: number
}

export function encodedBlock(block: RawBlockParts, transactions: 'full' | 'hashes'): EncodedResult {
  return encodedJson((out) => writeBlock(out, block, transactions))
}

function writeBlock(out: JsonBytes, block: RawBlockParts, transactions: 'full' | 'hashes'): void {
  const { header, hashes, ommers, size, withdrawals } = block
  const head = JSON.stringify({ ...headerJson(header), size: quantityText(size) })
  out.text(`${head.slice(0, -1)},"transactions":[`)
  if (transactions === 'full') writeAll(out, block)
  else out.text(hashes.map((hash) => `"${toHex(hash)}"`).join())
  const tail = {
    uncles: ommers.map(({ hash }) => hash),
    ...(withdrawals && { withdrawals: withdrawals.map(withdrawalJson) }),
  }
  out.text(`],${JSON.stringify(tail).slice(1)}`)
}

function writeAll(out: JsonBytes, { header, hashes, transactions, senders }: RawBlockParts): void {
  const place = transactionPlace(header)
  for (let index = 0; index < transactions.length; index++) {
    if (index > 0) out.put(JSON_TEXT.comma)
    const [raw, hash, sender] = [transactions[index], hashes[index], senders[index]] as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    writeTransaction(out, place, { raw, hash, sender, index })
  }
}
