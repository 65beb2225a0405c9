/** A header and its RLP. The bytes are the truth: the hash is over them, and every field is read from them. */
import { keccak256 } from '#core/keccak.ts'
import { fromHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Header } from './header.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { hashText, rlpBigint, rlpBytes, rlpFixed, rlpNumber, rlpOf } from '#chain/codec/rlp-fields.ts'

export type HeaderFields = Omit<Header, 'hash' | 'rlp'>

const FIXED_FIELDS = 15
const FIELDS_MAX = 23
/** geth's limit is 1,024 on some chains; Ethereum's is 32, proof-of-authority genesis blocks have more. */
const EXTRA_BYTES_MAX = 4_096

/** @throws Fault chain/rlp, chain/malformed */
export function headerFromRlp(rlp: Uint8Array): Header {
  const list = decodeRlp(rlp)
  if (list instanceof Uint8Array) throw new Fault('chain/malformed', 'a header is a list')
  if (list.length < FIXED_FIELDS || list.length > FIELDS_MAX) {
    throw new Fault(
      'chain/malformed',
      `a header has ${FIXED_FIELDS} to ${FIELDS_MAX} fields, not ${list.length}`,
    )
  }
  return { hash: hashText(keccak256(rlp)), rlp, ...fixedFields(list), ...laterFields(list) }
}

/** Encodes the fields; the header is what its bytes say. @throws Fault chain/malformed where they are no header's */
export function headerFromFields(fields: HeaderFields): Header {
  const rlp = encodeRlp([
    fromHex(fields.parentHash),
    fields.ommersHash,
    fields.beneficiary,
    fields.stateRoot,
    fields.transactionsRoot,
    fields.receiptsRoot,
    fields.logsBloom,
    rlpOf(fields.difficulty),
    rlpOf(fields.number),
    rlpOf(fields.gasLimit),
    rlpOf(fields.gasUsed),
    rlpOf(fields.timestamp),
    fields.extraData,
    fields.mixHash,
    fields.nonce,
    ...laterValues(fields),
  ])
  return headerFromRlp(rlp)
}

/** Fields before the timestamp, which stands in the first 600 bytes. */
const TIMESTAMP_FIELD = 11

/** The timestamp of a header whose bytes are known to be canonical, without reading the rest of it. */
export function timestampIn(rlp: Uint8Array): number {
  let at = payloadFrom(rlp, 0)
  for (let field = 0; field < TIMESTAMP_FIELD; field++) at = payloadTo(rlp, at)
  const to = payloadTo(rlp, at)
  let seconds = 0
  for (let i = payloadFrom(rlp, at); i < to; i++) seconds = seconds * 256 + (rlp[i] as number)
  return seconds
}

function payloadFrom(rlp: Uint8Array, at: number): number {
  const prefix = rlp[at] as number
  if (prefix < 0x80) return at
  const code = prefix & 0x3f
  return code > 55 ? at + 1 + code - 55 : at + 1
}

function payloadTo(rlp: Uint8Array, at: number): number {
  const from = payloadFrom(rlp, at)
  if (from === at) return at + 1
  if (from === at + 1) return from + ((rlp[at] as number) & 0x3f)
  let length = 0
  for (let i = at + 1; i < from; i++) length = length * 256 + (rlp[i] as number)
  return from + length
}

function fixedFields(list: readonly RlpItem[]): Pick<HeaderFields, RequiredField> {
  const extraData = rlpBytes(list[12], 'extraData')
  if (extraData.length > EXTRA_BYTES_MAX)
    throw new Fault('chain/malformed', `extraData is over ${EXTRA_BYTES_MAX} bytes`)
  return {
    parentHash: hashText(rlpFixed(list[0], 32, 'parentHash')),
    ommersHash: rlpFixed(list[1], 32, 'ommersHash'),
    beneficiary: rlpFixed(list[2], 20, 'beneficiary'),
    stateRoot: rlpFixed(list[3], 32, 'stateRoot'),
    transactionsRoot: rlpFixed(list[4], 32, 'transactionsRoot'),
    receiptsRoot: rlpFixed(list[5], 32, 'receiptsRoot'),
    logsBloom: rlpFixed(list[6], 256, 'logsBloom'),
    difficulty: rlpBigint(list[7], 'difficulty'),
    number: rlpNumber(list[8], 'number'),
    gasLimit: rlpBigint(list[9], 'gasLimit', 8),
    gasUsed: rlpBigint(list[10], 'gasUsed', 8),
    timestamp: rlpNumber(list[11], 'timestamp'),
    extraData,
    mixHash: rlpFixed(list[13], 32, 'mixHash'),
    nonce: rlpFixed(list[14], 8, 'nonce'),
  }
}
type RequiredField = {
  [K in keyof HeaderFields]-?: undefined extends HeaderFields[K] ? never : K
}[keyof HeaderFields]

/** The optional fields in their order on the chain, each with its decoder and encoder. */
const LATER = [
  ['baseFeePerGas', (item: RlpItem | undefined) => rlpBigint(item, 'baseFeePerGas')],
  ['withdrawalsRoot', (item: RlpItem | undefined) => rlpFixed(item, 32, 'withdrawalsRoot')],
  ['blobGasUsed', (item: RlpItem | undefined) => rlpBigint(item, 'blobGasUsed', 8)],
  ['excessBlobGas', (item: RlpItem | undefined) => rlpBigint(item, 'excessBlobGas', 8)],
  ['parentBeaconBlockRoot', (item: RlpItem | undefined) => rlpFixed(item, 32, 'parentBeaconBlockRoot')],
  ['requestsHash', (item: RlpItem | undefined) => rlpFixed(item, 32, 'requestsHash')],
  ['blockAccessListHash', (item: RlpItem | undefined) => rlpFixed(item, 32, 'blockAccessListHash')],
  ['slotNumber', (item: RlpItem | undefined) => rlpBigint(item, 'slotNumber', 8)],
] as const

function laterFields(list: readonly RlpItem[]): Partial<HeaderFields> {
  return Object.fromEntries(
    LATER.slice(0, list.length - FIXED_FIELDS).map(([name, read], i) => [name, read(list[FIXED_FIELDS + i])]),
  )
}

function laterValues(fields: HeaderFields): RlpItem[] {
  const values = LATER.map(([name]) => fields[name])
  const count = values.findIndex((value) => value === undefined)
  const present = count < 0 ? values : values.slice(0, count)
  if (values.slice(present.length).some((value) => value !== undefined)) {
    throw new Fault('chain/malformed', 'a header has a later field without one before it')
  }
  return present.map((value) => (typeof value === 'bigint' ? rlpOf(value) : (value as Uint8Array)))
}
