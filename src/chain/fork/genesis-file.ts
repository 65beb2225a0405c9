/** Reads a genesis file in geth's format: rules, first state, and the header that geth makes of it. */
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, fromHex, toHex, trimZeros } from '#kernel/bytes.ts'
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Address, BlockHash } from '#chain/block/block-ref.ts'
import type { AccountChange, Code, SlotChange } from '#chain/delta/delta.ts'
import { checkForkOrder, parseChainConfig } from './fork-schedule.ts'
import type { Genesis } from './genesis.ts'
import { headerFromFields, type HeaderFields } from '#chain/header/header-rlp.ts'
import {
  jsonBigint,
  jsonBytes,
  jsonFixed,
  jsonHash,
  jsonNumber,
  jsonObject,
  withKeysOf,
  type JsonObject,
} from '#chain/codec/json-fields.ts'
import { presetConfig } from './presets.ts'
import { ommersHash, requestsHash, stateRoot } from '#chain/block/roots.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { isActive, type Rules } from './rules.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'

const DEFAULT_GAS_LIMIT = 4_712_388n
const DEFAULT_DIFFICULTY = 131_072n
const INITIAL_BASE_FEE = 1_000_000_000n
const ZERO32 = `0x${'00'.repeat(32)}` as BlockHash

const KEYS = [
  'config', 'nonce', 'timestamp', 'extraData', 'gasLimit', 'difficulty', 'mixHash', 'coinbase', 'alloc', 'number', 'gasUsed', 'parentHash',
  'baseFeePerGas', 'excessBlobGas', 'blobGasUsed',
] // biome-ignore format: one table
const ACCOUNT_KEYS = ['balance', 'nonce', 'code', 'storage']

/** @param text the file's text @throws Fault chain/genesis, chain/unsupported-rules */
export function parseGenesis(text: string): Genesis {
  try {
    return genesisFromJson(JSON.parse(text, exactIntegers))
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && faultCode(cause) !== 'chain/malformed') throw cause
    throw new Fault('chain/genesis', `not a genesis in geth's format: ${messageOf(cause)}`, {}, { cause })
  }
}

/** geth writes some quantities as bare numbers of any size; as a JavaScript number they would lose digits. */
function exactIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  const isRounded = typeof value === 'number' && !Number.isSafeInteger(value)
  return isRounded && source !== undefined && /^\d{1,78}$/.test(source) ? BigInt(source) : value
}

function genesisFromJson(value: unknown): Genesis {
  const json = withPreset(withKeysOf(KEYS, value, 'the genesis'))
  checkForkOrder(json['config'])
  const config = parseChainConfig(json['config'])
  if (jsonBigint(json['number'] ?? 0, 'number') !== 0n)
    throw new Fault('chain/malformed', 'the number of a genesis is 0')
  const { accounts, slots, codes } = parseAlloc(jsonObject(json['alloc'], 'alloc'))
  const timestamp = jsonNumber(json['timestamp'] ?? 0, 'timestamp')
  const rules = config.rulesAt(0, timestamp)
  const header = headerFromFields({
    parentHash: optional(json, 'parentHash', (v) => jsonHash(v, 'parentHash') as BlockHash) ?? ZERO32,
    ommersHash: ommersHash([]),
    beneficiary: optional(json, 'coinbase', (v) => jsonFixed(v, 20, 'coinbase')) ?? new Uint8Array(20),
    stateRoot: stateRoot(accounts, slots),
    transactionsRoot: fromHex(EMPTY_TRIE_ROOT),
    receiptsRoot: fromHex(EMPTY_TRIE_ROOT),
    logsBloom: new Uint8Array(256),
    difficulty: optional(json, 'difficulty', (v) => jsonBigint(v, 'difficulty')) ?? defaultDifficulty(json),
    number: 0,
    gasLimit: jsonBigint(json['gasLimit'] ?? DEFAULT_GAS_LIMIT, 'gasLimit') || DEFAULT_GAS_LIMIT,
    gasUsed: jsonBigint(json['gasUsed'] ?? 0, 'gasUsed'),
    timestamp,
    extraData: optional(json, 'extraData', (v) => jsonBytes(v, 'extraData')) ?? new Uint8Array(0),
    mixHash: optional(json, 'mixHash', (v) => jsonFixed(v, 32, 'mixHash')) ?? new Uint8Array(32),
    nonce: bigintTo(jsonUint64(json['nonce'] ?? 0, 'nonce'), 8),
    ...laterFields(json, rules),
  })
  return { config, header, accounts, slots, codes }
}

/** A config may be the name of a chain. */
function withPreset(json: JsonObject): JsonObject {
  const { config } = json
  return typeof config === 'string' ? { ...json, config: presetConfig(config) } : json
}

/** As geth's Genesis.ToBlock: a chain without proof of work begins at 0. */
function defaultDifficulty(json: JsonObject): bigint {
  const hasWork = jsonObject(json['config'], 'config')['ethash'] !== undefined
  const hasMixHash = json['mixHash'] !== undefined && /[1-9a-f]/i.test(String(json['mixHash']).slice(2))
  return hasWork && !hasMixHash ? DEFAULT_DIFFICULTY : 0n
}

/** As geth's Genesis.ToBlock. */
function laterFields(json: JsonObject, rules: Rules): Partial<HeaderFields> {
  if (!isActive(rules, 'london')) return {}
  return {
    baseFeePerGas: optional(json, 'baseFeePerGas', (v) => jsonBigint(v, 'baseFeePerGas')) ?? INITIAL_BASE_FEE,
    ...(isActive(rules, 'shanghai') ? { withdrawalsRoot: fromHex(EMPTY_TRIE_ROOT) } : {}),
    ...(isActive(rules, 'cancun')
      ? {
          blobGasUsed: jsonBigint(json['blobGasUsed'] ?? 0, 'blobGasUsed'),
          excessBlobGas: jsonBigint(json['excessBlobGas'] ?? 0, 'excessBlobGas'),
          parentBeaconBlockRoot: new Uint8Array(32),
        }
      : {}),
    ...(isActive(rules, 'prague') ? { requestsHash: requestsHash([]) } : {}),
    ...(isActive(rules, 'amsterdam')
      ? { blockAccessListHash: keccak256(encodeRlp([])), slotNumber: 0n }
      : {}),
  }
}

function parseAlloc(alloc: JsonObject): { accounts: AccountChange[]; slots: SlotChange[]; codes: Code[] } {
  const accounts: AccountChange[] = []
  const slots: SlotChange[] = []
  const codes: Code[] = []
  const seen = new Set<string>()
  for (const [key, value] of Object.entries(alloc)) {
    const address = jsonFixed(key.startsWith('0x') ? key : `0x${key}`, 20, `alloc.${key}`)
    if (seen.has(toHex(address))) throw new Fault('chain/malformed', `alloc.${key} is there twice`)
    seen.add(toHex(address))
    const json = withKeysOf(ACCOUNT_KEYS, value, `alloc.${key}`)
    const code = optional(json, 'code', (v) => jsonBytes(v, `alloc.${key}.code`)) ?? new Uint8Array(0)
    const codeHash = code.length === 0 ? fromHex(EMPTY_CODE_HASH) : keccak256(code)
    if (code.length > 0) codes.push({ hash: codeHash, code })
    const nonce = jsonUint64(json['nonce'] ?? 0, `alloc.${key}.nonce`)
    const balance = jsonBigint(json['balance'] ?? 0, `alloc.${key}.balance`)
    accounts.push({ address, after: { nonce, balance, codeHash } })
    for (const slot of parseStorage(address, json['storage'] ?? {}, `alloc.${key}.storage`)) slots.push(slot)
  }
  return { accounts, slots, codes }
}

/** Slots of zero are none. */
function parseStorage(address: Address, value: unknown, what: string): SlotChange[] {
  const seen = new Set<string>()
  return Object.entries(jsonObject(value, what)).flatMap(([slot, word]) => {
    const key = word32(slot, what)
    if (seen.has(toHex(key))) throw new Fault('chain/malformed', `${what}.${slot} is there twice`)
    seen.add(toHex(key))
    const bytes = word32(word, `${what}.${slot}`)
    return trimZeros(bytes).length === 0 ? [] : [{ address, key, value: bytes }]
  })
}

function jsonUint64(value: unknown, what: string): bigint {
  const quantity = jsonBigint(value, what)
  if (quantity >= 2n ** 64n) throw new Fault('chain/malformed', `${what} must be below 2^64`)
  return quantity
}

/** Up to 32 bytes of hex, with or without 0x, padded on the left as geth does. */
function word32(value: unknown, what: string): Uint8Array {
  const digits = typeof value === 'string' ? value.replace(/^0x/, '') : ''
  if (!/^[0-9a-fA-F]{0,64}$/.test(digits))
    throw new Fault('chain/malformed', `${what} must be at most 32 bytes of hex`)
  return fromHex(`0x${digits.padStart(64, '0')}`)
}

function optional<T>(json: JsonObject, name: string, read: (value: unknown) => T): T | undefined {
  return json[name] === undefined || json[name] === null ? undefined : read(json[name])
}
