/**
 * Frames as bytes: one protobuf message whose sections are compressed and digested apart, cut into parts where it is long. Decoding checks
 * everything that the frame says of itself: digests, header hash, transaction hashes, the delta's form and hash.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { checkDelta } from '#chain/delta/delta-builder.ts'
import type { Delta } from '#chain/delta/delta.ts'
import { deltaHash } from '#chain/delta/delta-hash.ts'
import { type Frame, LEVELS, type Level, SOURCES, type Withdrawal } from '#chain/block/frame.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import { decodeReceipt, encodeReceipt } from '#chain/transaction/receipt-rlp.ts'
import type { Transaction } from '#chain/transaction/transaction.ts'
import { decodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import { keccak256 } from '#core/keccak.ts'
import { concatBytes, equalBytes, type Hex, toHex } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import type { FramePart } from '#protocol/feed/frames/records.ts'
import { fixed, level, malformed, name, place } from './convert.ts'
import {
  type DeltaSection,
  DeltaSectionSchema,
  type Frame as FrameMessage,
  FrameSchema,
  ReceiptsSectionSchema,
  TransactionsSectionSchema,
  type Withdrawals,
} from './gen/drover/feed/v1/feed_pb.js'
import { create, fromBinary, toBinary } from './protobuf.ts'
import { type Compressor, type Digests, openSection, packSection } from './section.ts'

/** Of a part's data: a record stays below Kafka's default of 1 MB. */
export const PART_BYTES_MAX = 900_000

export function encodeFrame(frame: Frame, compressor: Compressor): Uint8Array {
  const { block, receipts, delta } = frame
  const encoded = receipts.map(encodeReceipt)
  const pack = (raw: Uint8Array) => packSection(raw, compressor) as never
  return toBinary(
    FrameSchema,
    create(FrameSchema, {
      header: block.header.rlp,
      deltaHash: frame.deltaHash,
      source: place(SOURCES, frame.source),
      level: place(LEVELS, frame.level),
      sendersClaimed: frame.senders === 'claimed',
      transactions: pack(
        toBinary(
          TransactionsSectionSchema,
          create(TransactionsSectionSchema, {
            raw: concatBytes(...block.transactions.map(({ raw }) => raw)),
            lengths: block.transactions.map(({ raw }) => raw.length),
            hashes: concatBytes(...block.transactions.map(({ hash }) => hash)),
            senders: concatBytes(...block.senders),
          }),
        ),
      ),
      receipts: pack(
        toBinary(
          ReceiptsSectionSchema,
          create(ReceiptsSectionSchema, {
            encoded: concatBytes(...encoded),
            lengths: encoded.map(({ length }) => length),
          }),
        ),
      ),
      delta: pack(toBinary(DeltaSectionSchema, create(DeltaSectionSchema, deltaFields(delta)))),
      ommers: block.ommers.map(({ rlp }) => rlp),
      ...(block.withdrawals && { withdrawals: withdrawalFields(block.withdrawals) as never }),
    }),
  )
}

/** @param digests `covered` for who has compared the digest of `bytes`: hashing what they expand to would take longer than all the rest
 *  @throws Fault wire/malformed, chain/*, compress/damaged */
export function decodeFrame(bytes: Uint8Array, compressor: Compressor, digests: Digests = 'check'): Frame {
  const message = parse(bytes)
  const delta = decodeDelta(
    fromBinary(DeltaSectionSchema, openSection(message.delta, 'delta', compressor, digests)),
  )
  const hash = deltaHash(delta)
  if (!equalBytes(hash, message.deltaHash))
    throw malformed(`the delta hashes to ${toHex(hash)}, not to ${toHex(message.deltaHash)}`)
  const { transactions, senders } = decodeTransactions(message, compressor, digests)
  const receiptsSection = fromBinary(
    ReceiptsSectionSchema,
    openSection(message.receipts, 'receipts', compressor, digests),
  )
  const receipts = cut(receiptsSection.encoded, receiptsSection.lengths, 'receipts').map(decodeReceipt)
  if (receipts.length !== transactions.length)
    throw malformed(`${transactions.length} transactions and ${receipts.length} receipts`)
  return {
    block: {
      header: headerFromRlp(message.header),
      transactions,
      senders,
      ommers: message.ommers.map(headerFromRlp),
      ...(message.withdrawals && { withdrawals: decodeWithdrawals(message.withdrawals) }),
    },
    receipts,
    delta,
    deltaHash: hash,
    senders: message.sendersClaimed ? 'claimed' : 'recovered',
    source: name(SOURCES, message.source, 'source'),
    level: level(message.level),
  }
}

/** What travels of an encoded frame beside its bytes. */
export interface FrameName {
  readonly block: BlockRef
  readonly parent: BlockHash
  readonly deltaHash: Hex
  readonly level: Level
}

/** The parts of an encoded frame, of `partBytesMax` bytes but for the last, in the order in which they must be appended. */
export function splitFrame(
  { block, parent, deltaHash: delta, level: proven, bytes }: FrameName & { readonly bytes: Uint8Array },
  partBytesMax: number = PART_BYTES_MAX,
): FramePart[] {
  const frameDigest = frameDigestOf(bytes)
  const count = Math.max(1, Math.ceil(bytes.length / partBytesMax))
  return Array.from({ length: count }, (_, index) => ({
    kind: 'framePart' as const,
    block,
    parent,
    frameDigest,
    deltaHash: delta,
    level: proven,
    index,
    count,
    bytes: bytes.subarray(index * partBytesMax, (index + 1) * partBytesMax),
  }))
}

/** keccak-256 of an encoded frame. */
export function frameDigestOf(bytes: Uint8Array): Hex {
  return toHex(keccak256(bytes))
}

function parse(bytes: Uint8Array): FrameMessage {
  try {
    return fromBinary(FrameSchema, bytes)
  } catch (cause) {
    throw new Fault('wire/malformed', `a frame is malformed: ${messageOf(cause)}`, {}, { cause })
  }
}

function decodeTransactions(
  message: FrameMessage,
  compressor: Compressor,
  digests: Digests,
): { transactions: Transaction[]; senders: Uint8Array[] } {
  const section = fromBinary(
    TransactionsSectionSchema,
    openSection(message.transactions, 'transactions', compressor, digests),
  )
  const transactions = cut(section.raw, section.lengths, 'transactions').map(decodeTransaction)
  fixed(section.senders, 20 * transactions.length, 'senders')
  fixed(section.hashes, 32 * transactions.length, 'transaction hashes')
  for (const [i, { hash }] of transactions.entries()) {
    if (!equalBytes(hash, section.hashes.subarray(32 * i, 32 * i + 32)))
      throw malformed(`transaction ${i} does not have the hash that the frame names`)
  }
  return { transactions, senders: transactions.map((_, i) => section.senders.subarray(20 * i, 20 * i + 20)) }
}

function cut(bytes: Uint8Array, lengths: readonly number[], what: string): Uint8Array[] {
  let at = 0
  const pieces = lengths.map((length) => bytes.subarray(at, (at += length)))
  if (at !== bytes.length)
    throw malformed(`the ${what} are ${bytes.length} bytes, their lengths add up to ${at}`)
  return pieces
}

function deltaFields({ accounts, slots, cleared, codes }: Delta): object {
  return {
    accountAddresses: accounts.addresses,
    accountExists: accounts.exists,
    accountNonces: accounts.nonces,
    accountBalances: accounts.balances,
    accountCodeHashes: accounts.codeHashes,
    slotAddresses: slots.addresses,
    slotKeys: slots.keys,
    slotValues: slots.values,
    cleared,
    codeHashes: concatBytes(...codes.map(({ hash }) => hash)),
    codes: codes.map(({ code }) => code),
  }
}

function decodeDelta(message: DeltaSection): Delta {
  fixed(message.codeHashes, 32 * message.codes.length, 'code hashes')
  const codes = message.codes.map((code, i) => {
    const hash = message.codeHashes.subarray(32 * i, 32 * i + 32)
    if (!equalBytes(keccak256(code), hash))
      throw malformed(`code ${i} does not have the hash that the frame names`)
    return { hash, code }
  })
  const delta: Delta = {
    accounts: {
      count: message.accountExists.length,
      addresses: message.accountAddresses,
      exists: message.accountExists,
      nonces: message.accountNonces,
      balances: message.accountBalances,
      codeHashes: message.accountCodeHashes,
    },
    slots: {
      count: Math.floor(message.slotKeys.length / 32),
      addresses: message.slotAddresses,
      keys: message.slotKeys,
      values: message.slotValues,
    },
    cleared: message.cleared,
    codes,
  }
  checkDelta(delta)
  return delta
}

function withdrawalFields(withdrawals: readonly Withdrawal[]): object {
  return {
    indexes: withdrawals.map(({ index }) => index),
    validatorIndexes: withdrawals.map(({ validatorIndex }) => validatorIndex),
    addresses: concatBytes(...withdrawals.map(({ address }) => address)),
    amounts: withdrawals.map(({ amount }) => amount),
  }
}

function decodeWithdrawals({ indexes, validatorIndexes, addresses, amounts }: Withdrawals): Withdrawal[] {
  if (validatorIndexes.length !== indexes.length || amounts.length !== indexes.length)
    throw malformed('columns of withdrawals of different lengths')
  fixed(addresses, 20 * indexes.length, 'withdrawal addresses')
  return indexes.map((index, i) => ({
    index,
    validatorIndex: validatorIndexes[i] as bigint,
    address: addresses.subarray(20 * i, 20 * i + 20),
    amount: amounts[i] as bigint,
  }))
}
