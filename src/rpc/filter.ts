/** The filter object of eth_getLogs (geth's filters.FilterCriteria), and what it matches. */
import type { BlockHash } from '#chain/block-ref.ts'
import { bloomMayContain } from '#chain/bloom.ts'
import type { Log } from '#chain/receipt.ts'
import { equalBytes } from '#kernel/bytes.ts'
import { failed } from './errors.ts'
import { cannot, decodeBytes, fixedBytes, goKind, invalid } from './geth-hex.ts'
import { type NumberPlace, numberPlace } from './params.ts'
import { rpcLimits } from './limits.ts'

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

export function logFilter(value: unknown, index: number): LogFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw cannot(goKind(value), { index, type: 'filters.input' })
  const given = value as Record<string, unknown>
  const hash = given['blockHash'] ?? undefined
  const [from, to] = [given['fromBlock'], given['toBlock']].map((place) =>
    place == null ? undefined : numberPlace(place, index),
  )
  if (hash !== undefined) {
    fixedBytes(hash, 32, { index, type: 'common.Hash', field: 'input.blockHash' })
    if ((from ?? to) !== undefined)
      throw invalid(index, 'cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other')
  }
  return {
    where:
      hash === undefined
        ? { kind: 'range', from, to }
        : { kind: 'block', hash: (hash as string).toLowerCase() as BlockHash },
    addresses: addressesOf(given['address'], index),
    topics: topicsOf(given['topics'], index),
  }
}

function addressesOf(value: unknown, index: number): Uint8Array[] {
  if (value == null) return []
  if (typeof value === 'string') return [sized(value, 20, 'address', index, 'invalid address: ')]
  if (!Array.isArray(value)) throw invalid(index, 'invalid addresses in query')
  const addresses = value.map((one, i) => {
    if (typeof one !== 'string') throw invalid(index, `non-string address at index ${i}`)
    return sized(one, 20, 'address', index, `invalid address at index ${i}: `)
  })
  if (addresses.length > ALTERNATIVES_MAX)
    throw failed('server', 'exceed max addresses or topics per search position')
  return addresses
}

function topicsOf(value: unknown, index: number): Uint8Array[][] {
  if (value == null) return []
  if (!Array.isArray(value))
    throw cannot(goKind(value), { index, type: '[]interface {}', field: 'input.topics' })
  if (value.length > TOPIC_POSITIONS_MAX) throw invalid(index, 'exceed max topics')
  return value.map((topic) => alternatives(topic, index))
}

function alternatives(topic: unknown, index: number): Uint8Array[] {
  if (topic == null) return []
  const list: readonly unknown[] = Array.isArray(topic) ? topic : [topic]
  if (list.length > ALTERNATIVES_MAX) throw invalid(index, 'exceed max topics')
  // A null among alternatives matches anything, so the position does.
  if (list.includes(null)) return []
  return list.map((one) => {
    if (typeof one !== 'string') throw invalid(index, 'invalid topic(s)')
    return sized(one, 32, 'topic', index, '')
  })
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

export function matches({ addresses, topics }: LogFilter, log: Log): boolean {
  if (topics.length > log.topics.length) return false
  if (addresses.length > 0 && !addresses.some((address) => equalBytes(address, log.address))) return false
  return topics.every(
    (wanted, i) =>
      wanted.length === 0 || wanted.some((topic) => equalBytes(topic, log.topics[i] as Uint8Array)),
  )
}
