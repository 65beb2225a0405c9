/** The header inside what eth_getBlockByHash answers: rebuilt as RLP and believed only if it hashes to the block's hash. */
import { Fault } from '#kernel/fault.ts'
import type { BlockHash } from '#chain/block/block-ref.ts'
import type { Header } from './header.ts'
import { headerFromFields, type HeaderFields } from './header-rlp.ts'
import {
  jsonBigint,
  jsonBytes,
  jsonFixed,
  jsonHash,
  jsonNumber,
  jsonObject,
  type JsonObject,
} from '#chain/codec/json-fields.ts'

/** Everything that an Ethereum block's JSON may hold; another name hints at another chain's rules. */
const KNOWN = new Set([
  'hash', 'parentHash', 'sha3Uncles', 'miner', 'stateRoot', 'transactionsRoot', 'receiptsRoot', 'logsBloom', 'difficulty', 'number',
  'gasLimit', 'gasUsed', 'timestamp', 'extraData', 'mixHash', 'nonce', 'baseFeePerGas', 'withdrawalsRoot', 'blobGasUsed', 'excessBlobGas',
  'parentBeaconBlockRoot', 'requestsHash', 'blockAccessListHash', 'slotNumber', 'size', 'totalDifficulty', 'transactions', 'uncles',
  'withdrawals', 'author',
]) // biome-ignore format: one table

/** @throws Fault chain/malformed, chain/header-mismatch */
export function headerFromJson(value: unknown): Header {
  const json = jsonObject(value, 'a block')
  const header = headerFromFields({ ...requiredFields(json), ...laterFields(json) })
  const claimed = jsonHash(json['hash'], 'hash')
  if (header.hash !== claimed) throw mismatch(json, header, claimed)
  return header
}

function requiredFields(json: JsonObject): HeaderFields {
  return {
    parentHash: jsonHash(json['parentHash'], 'parentHash') as BlockHash,
    ommersHash: jsonFixed(json['sha3Uncles'], 32, 'sha3Uncles'),
    beneficiary: jsonFixed(json['miner'], 20, 'miner'),
    stateRoot: jsonFixed(json['stateRoot'], 32, 'stateRoot'),
    transactionsRoot: jsonFixed(json['transactionsRoot'], 32, 'transactionsRoot'),
    receiptsRoot: jsonFixed(json['receiptsRoot'], 32, 'receiptsRoot'),
    logsBloom: jsonFixed(json['logsBloom'], 256, 'logsBloom'),
    difficulty: jsonBigint(json['difficulty'], 'difficulty'),
    number: jsonNumber(json['number'], 'number'),
    gasLimit: jsonBigint(json['gasLimit'], 'gasLimit'),
    gasUsed: jsonBigint(json['gasUsed'], 'gasUsed'),
    timestamp: jsonNumber(json['timestamp'], 'timestamp'),
    extraData: jsonBytes(json['extraData'], 'extraData'),
    mixHash: jsonFixed(json['mixHash'], 32, 'mixHash'),
    nonce: jsonFixed(json['nonce'], 8, 'nonce'),
  }
}

function laterFields(json: JsonObject): Partial<HeaderFields> {
  const quantity = ['baseFeePerGas', 'blobGasUsed', 'excessBlobGas', 'slotNumber'] as const
  const hash = ['withdrawalsRoot', 'parentBeaconBlockRoot', 'requestsHash', 'blockAccessListHash'] as const
  const there = (name: string): boolean => json[name] !== undefined && json[name] !== null
  return Object.fromEntries([
    ...quantity.filter(there).map((name) => [name, jsonBigint(json[name], name)]),
    ...hash.filter(there).map((name) => [name, jsonFixed(json[name], 32, name)]),
  ])
}

function mismatch(json: JsonObject, header: Header, claimed: string): Fault<'chain/header-mismatch'> {
  const strange = Object.keys(json).filter((name) => !KNOWN.has(name))
  const hint =
    strange.length === 0
      ? ''
      : `; it has fields that Ethereum's rules do not know (${strange.join(', ')}), so it may be another kind of chain`
  return new Fault(
    'chain/header-mismatch',
    `block ${header.number} hashes to ${header.hash}, not to ${claimed} as its client says${hint}`,
    { number: header.number, claimed, computed: header.hash, strange },
  )
}
