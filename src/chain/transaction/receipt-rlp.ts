/** Receipts in their consensus form: type ‖ rlp([status or root, cumulative gas, bloom, logs]). */
import { concatBytes } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { BLOOM_BYTES, logsBloom } from './bloom.ts'
import { splitEnvelope } from '#chain/block/envelope.ts'
import type { Log, Receipt } from './receipt.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { rlpBigint, rlpBytes, rlpFixed, rlpList, rlpOf } from '#chain/codec/rlp-fields.ts'

/** LOG4. */
const TOPICS_MAX = 4

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encodeReceiptWith(receipt, logsBloom(receipt.logs))
}

/** With a bloom that is known already. */
export function encodeReceiptWith(receipt: Receipt, bloom: Uint8Array): Uint8Array {
  const { outcome, logs } = receipt
  const rlp = encodeRlp([
    'status' in outcome ? rlpOf(outcome.status) : outcome.stateRoot,
    rlpOf(receipt.cumulativeGasUsed),
    bloom,
    logs.map((log) => [log.address, log.topics, log.data]),
  ])
  return receipt.type === 0 ? rlp : concatBytes(Uint8Array.of(receipt.type), rlp)
}

/**
 * The bloom is not kept, nor checked: it follows from the logs, and who must know hashes what it read (`commitToReceipts`).
 * @throws Fault chain/rlp, chain/malformed
 */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  const { type, payload } = splitEnvelope(bytes, 'a receipt')
  const list = rlpList(decodeRlp(payload), 'a receipt')
  if (list.length !== 4) throw new Fault('chain/malformed', `a receipt has 4 fields, not ${list.length}`)
  rlpFixed(list[2], BLOOM_BYTES, 'logsBloom')
  return {
    type,
    outcome: decodeOutcome(rlpBytes(list[0], 'status')),
    cumulativeGasUsed: rlpBigint(list[1], 'cumulativeGasUsed', 8),
    logs: rlpList(list[3], 'logs').map(decodeLog),
  }
}

/** EIP-658: a status, or the state root of before Byzantium. */
function decodeOutcome(bytes: Uint8Array): Receipt['outcome'] {
  if (bytes.length === 32) return { stateRoot: bytes }
  const status = rlpBigint(bytes, 'status', 1)
  if (status > 1n) throw new Fault('chain/malformed', `a receipt's status is 0 or 1, not ${status}`)
  return { status: status === 1n ? 1 : 0 }
}

function decodeLog(item: RlpItem): Log {
  const [address, topics, data, ...rest] = rlpList(item, 'a log')
  const words = rlpList(topics, 'topics')
  if (rest.length > 0 || words.length > TOPICS_MAX)
    throw new Fault('chain/malformed', `a log has 3 fields and at most ${TOPICS_MAX} topics`)
  return {
    address: rlpFixed(address, 20, 'address'),
    topics: words.map((topic) => rlpFixed(topic, 32, 'a topic')),
    data: rlpBytes(data, 'data'),
  }
}
