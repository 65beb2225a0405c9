/** The filter object of eth_getLogs (geth's filters.FilterCriteria), and what it matches. */
import type { BlockHash } from '#chain/block/block-ref.ts'
import { bloomMayContain } from '#chain/transaction/bloom.ts'
import { failed } from '#rpc/errors.ts'
import { decodeBytes, fixedBytes, invalid } from './geth-hex.ts'
import { fieldNames, listOf, objectOf, reading, type Remembered, structFields } from './go-struct.ts'
import { type NumberPlace, numberPlace } from './params.ts'
import { rpcLimits } from '#rpc/limits.ts'
import type { RawLog } from '#rpc/encode/receipt-bytes.ts'

/** geth's limits. */
const TOPIC_POSITIONS_MAX = 4
const ALTERNATIVES_MAX = rpcLimits.filterAlternativesMax.value

export interface LogFilter {
  readonly where:
    | { readonly kind: 'block'; readonly hash: BlockHash }
    | { readonly kind: 'range'; readonly from: NumberPlace | undefined; readonly to: NumberPlace | undefined }
  /** Any of these; empty means any address. */
  readonly addresses: readonly Uint8Array[]
  /** By position, any of these; empty means any topic. */
  readonly topics: readonly (readonly Uint8Array[])[]
}

const NAMES = fieldNames('blockHash', 'fromBlock', 'toBlock', 'address', 'topics')

export function logFilter(value: unknown, index: number): LogFilter {
  const { blockHash: hash, fromBlock: from, toBlock: to, address, topics } = fieldsOf(value, index)
  if (hash !== undefined && (from ?? to) !== undefined)
    throw invalid(index, 'cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other')
  return {
    where: hash === undefined ? { kind: 'range', from, to } : { kind: 'block', hash },
    addresses: addressesOf(address, index),
    topics: topicsOf(topics ?? [], index),
  }
}

interface Given {
  readonly blockHash?: BlockHash
  readonly fromBlock?: NumberPlace
  readonly toBlock?: NumberPlace
  readonly address?: unknown
  readonly topics?: readonly unknown[]
}

function fieldsOf(value: unknown, index: number): Given {
  return reading((remembered) => {
    const out: Record<string, unknown> = {}
    const json = objectOf(value, { index, type: 'filters.input' }, remembered)
    for (const [name, given] of structFields(json ?? {}, NAMES))
      out[name] = given === null ? undefined : fieldOf(name, given, index, remembered)
    return out
  })
}

function fieldOf(name: string, given: unknown, index: number, remembered: Remembered): unknown {
  const field = `input.${name}`
  switch (name) {
    case 'blockHash':
      fixedBytes(given, 32, { index, type: 'common.Hash', field })
      return (given as string).toLowerCase()
    case 'fromBlock':
    case 'toBlock':
      return numberPlace(given, index)
    case 'topics':
      return listOf(given, { index, type: '[]interface {}', field }, remembered)
    default:
      return given
  }
}

function addressesOf(value: unknown, index: number): Uint8Array[] {
  if (value === undefined) return []
  if (typeof value === 'string') return [sized(value, 20, 'address', index, 'invalid address: ')]
  if (!Array.isArray(value)) throw invalid(index, 'invalid addresses in query')
  return value.map((one, i) => {
    if (typeof one !== 'string') throw invalid(index, `non-string address at index ${i}`)
    return sized(one, 20, 'address', index, `invalid address at index ${i}: `)
  })
}

function topicsOf(given: readonly unknown[], index: number): Uint8Array[][] {
  if (given.length > TOPIC_POSITIONS_MAX) throw invalid(index, 'exceed max topics')
  return given.map((topic) => alternatives(topic, index))
}

function alternatives(topic: unknown, index: number): Uint8Array[] {
  if (topic === null) return []
  const list: readonly unknown[] = Array.isArray(topic) ? topic : [topic]
  if (list.length > ALTERNATIVES_MAX) throw invalid(index, 'exceed max topics')
  const read: Uint8Array[] = []
  for (const one of list) {
    // A null among alternatives matches anything, so the position does; what follows it is not looked at.
    if (one === null) return []
    if (typeof one !== 'string') throw invalid(index, 'invalid topic(s)')
    read.push(sized(one, 32, 'topic', index, ''))
  }
  return read
}

/** What geth looks at once the whole request has been read. @throws RpcFailure */
export function checkAlternatives({ addresses, topics }: LogFilter): void {
  if ([addresses, ...topics].some((list) => list.length > ALTERNATIVES_MAX))
    throw failed('server', 'exceed max addresses or topics per search position')
}

function sized(text: string, length: number, what: string, index: number, before: string): Uint8Array {
  const bytes = decodeBytes(text)
  if (typeof bytes === 'string') throw invalid(index, before + bytes)
  if (bytes.length === length) return bytes
  throw invalid(
    index,
    `${before}hex has invalid length ${bytes.length} after decoding; expected ${length} for ${what}`,
  )
}
/** False means that no log of the block matches. */
export function mayMatch({ addresses, topics }: LogFilter, bloom: Uint8Array): boolean {
  const any = (values: readonly Uint8Array[]): boolean =>
    values.length === 0 || values.some((value) => bloomMayContain(bloom, value))
  return any(addresses) && topics.every(any)
}

export function matches({ addresses, topics }: LogFilter, log: RawLog): boolean {
  const { bytes, addressAt, topicsAt, topicCount } = log
  if (topics.length > topicCount || !isOneOf(addresses, bytes, addressAt)) return false
  for (let i = 0; i < topics.length; i++)
    if (!isOneOf(topics[i] as readonly Uint8Array[], bytes, topicsAt + TOPIC_BYTES * i)) return false
  return true
}
const TOPIC_BYTES = 32

/** What stands at a place is one of these; of none it may be anything. */
function isOneOf(wanted: readonly Uint8Array[], bytes: Uint8Array, at: number): boolean {
  return wanted.length === 0 || wanted.some((one) => standsAt(one, bytes, at))
}

function standsAt(wanted: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}
