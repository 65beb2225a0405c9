/** What a header commits to, computed from the things themselves. */
import { keccak256, sha256 } from '#core/keccak.ts'
import { concatBytes, toHex, trimZeros } from '#kernel/bytes.ts'
import { BLOOM_BYTES, logsBloom, orInto, rememberingHash } from '#chain/transaction/bloom.ts'
import type { AccountChange, SlotChange } from '#chain/delta/delta.ts'
import type { Withdrawal } from './frame.ts'
import type { Header } from '#chain/header/header.ts'
import type { Receipt } from '#chain/transaction/receipt.ts'
import { encodeReceiptWith } from '#chain/transaction/receipt-rlp.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { orderedTrieRoot, type TrieEntry, trieRoot } from '#chain/trie/trie-root.ts'

export function transactionsRoot(transactions: readonly Transaction[]): Uint8Array {
  return orderedTrieRoot(transactions.map(({ raw }) => raw))
}

/** What a header says about its receipts. Each log is hashed once for both. */
export function commitToReceipts(receipts: readonly Receipt[]): { root: Uint8Array; bloom: Uint8Array } {
  const bloom = new Uint8Array(BLOOM_BYTES)
  const hash = rememberingHash()
  const encoded = receipts.map((receipt) => {
    const own = logsBloom(receipt.logs, hash)
    orInto(bloom, own)
    return encodeReceiptWith(receipt, own)
  })
  return { root: orderedTrieRoot(encoded), bloom }
}

/** EIP-4895. */
export function withdrawalsRoot(withdrawals: readonly Withdrawal[]): Uint8Array {
  return orderedTrieRoot(withdrawals.map((withdrawal) => encodeRlp(withdrawalRlp(withdrawal))))
}

export function withdrawalRlp({ index, validatorIndex, address, amount }: Withdrawal): RlpItem {
  return [rlpOf(index), rlpOf(validatorIndex), address, rlpOf(amount)]
}

export function ommersHash(ommers: readonly Header[]): Uint8Array {
  return keccak256(encodeRlp(ommers.map(({ rlp }) => decodeRlp(rlp))))
}

/** EIP-7685: each request is type ‖ data; one without data does not count. */
export function requestsHash(requests: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(...requests.filter(({ length }) => length > 1).map((request) => sha256(request))))
}

/** The state root of a whole small state (a genesis); slots of zero do not exist. */
export function stateRoot(accounts: readonly AccountChange[], slots: readonly SlotChange[]): Uint8Array {
  const storage = new Map<string, TrieEntry[]>()
  for (const { address, key, value } of slots) {
    const trimmed = trimZeros(value)
    if (trimmed.length === 0) continue
    const of = storage.get(toHex(address)) ?? []
    of.push({ key: keccak256(key), value: encodeRlp(trimmed) })
    storage.set(toHex(address), of)
  }
  const entries = accounts.flatMap(({ address, after }) => {
    if (after === undefined) return []
    const root = trieRoot(storage.get(toHex(address)) ?? [])
    const value = encodeRlp([rlpOf(after.nonce), rlpOf(after.balance), root, after.codeHash])
    return [{ key: keccak256(address), value }]
  })
  return trieRoot(entries)
}
