/** The filter object of eth_getLogs, and what it matches. */
import type { BlockHash } from '#chain/block-ref.ts'
import { bloomMayContain } from '#chain/bloom.ts'
import type { Log } from '#chain/receipt.ts'
import { equalBytes } from '#kernel/bytes.ts'
import { failed } from './errors.ts'
import { type BlockPlace, blockNumber, fixedBytes, goKind, hashText, invalid } from './params.ts'

/** geth's limits. */
const TOPIC_POSITIONS_MAX = 4
const ALTERNATIVES_MAX = 1_000

export interface LogFilter {
  readonly where:
    | { readonly kind: 'block'; readonly hash: BlockHash }
    | { readonly kind: 'range'; readonly from: BlockPlace | undefined; readonly to: BlockPlace | undefined }
  /** Any of these; empty means any address. */
  readonly addresses: readonly Uint8Array[]
  /** By position, any of these; empty means any topic. */
  readonly topics: readonly (readonly Uint8Array[])[]
}

export function logFilter(value: unknown, index: number): LogFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(
      index,
      `json: cannot unmarshal ${typeof value === 'string' ? 'string' : goKind(value)} into Go value of type filters.input`,
    )
  }
  const { blockHash, fromBlock, toBlock, address, topics } = value as Record<string, unknown>
  if (blockHash !== undefined && blockHash !== null) {
    if ((fromBlock ?? toBlock) != null) {
      throw invalid(index, 'cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other')
    }
    return { where: { kind: 'block', hash: hashText(blockHash, index) }, ...criteria(address, topics, index) }
  }
  const from = fromBlock == null ? undefined : blockNumber(fromBlock, index)
  const to = toBlock == null ? undefined : blockNumber(toBlock, index)
  return { where: { kind: 'range', from, to }, ...criteria(address, topics, index) }
}

function criteria(address: unknown, topics: unknown, index: number): Pick<LogFilter, 'addresses' | 'topics'> {
  const addresses = (address == null ? [] : Array.isArray(address) ? address : [address]).map((one, i) => {
    if (typeof one !== 'string')
      throw failed(
        'invalidParams',
        `invalid argument ${index}: ${Array.isArray(address) ? `non-string address at index ${i}` : 'invalid addresses in query'}`,
      )
    return fixedBytes(one, index, 20, 'common.Address')
  })
  if (topics != null && !Array.isArray(topics))
    throw invalid(
      index,
      `json: cannot unmarshal ${goKind(topics)} into Go struct field input.topics of type []interface {}`,
    )
  const positions = (topics ?? []) as unknown[]
  if (positions.length > TOPIC_POSITIONS_MAX) throw failed('server', 'exceed max topics')
  if (addresses.length > ALTERNATIVES_MAX)
    throw failed('server', 'exceed max addresses or topics per search position')
  return { addresses, topics: positions.map((topic) => alternatives(topic, index)) }
}

function alternatives(topic: unknown, index: number): Uint8Array[] {
  if (topic == null) return []
  const list = Array.isArray(topic) ? topic : [topic]
  if (list.length > ALTERNATIVES_MAX)
    throw failed('server', 'exceed max addresses or topics per search position')
  // A null among alternatives matches anything, so the position does.
  if (list.some((one) => one === null)) return []
  return list.map((one) => {
    if (typeof one !== 'string') throw invalid(index, 'invalid topic(s)')
    return fixedBytes(one, index, 32, 'common.Hash')
  })
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
