/** Receipts in their consensus form: type ‖ rlp([status or root, cumulative gas, bloom, logs]). */
import { concatBytes } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { logsBloom } from './bloom.ts'
import type { Receipt } from './receipt.ts'
import { decodeRlp, encodeRlp } from './rlp.ts'
import { rlpBigint, rlpBytes, rlpFixed, rlpList, rlpOf } from './rlp-fields.ts'

export function encodeReceipt(receipt: Receipt): Uint8Array {
  const { outcome, logs } = receipt
  const rlp = encodeRlp([
    'status' in outcome ? rlpOf(outcome.status) : outcome.stateRoot,
    rlpOf(receipt.cumulativeGasUsed),
    logsBloom(logs),
    logs.map((log) => [log.address, log.topics, log.data]),
  ])
  return receipt.type === 0 ? rlp : concatBytes(Uint8Array.of(receipt.type), rlp)
}

/** The bloom is not kept: it follows from the logs. @throws Fault chain/rlp, chain/malformed */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  const first = bytes[0] ?? 0
  const type = first >= 0xc0 ? 0 : first
  const list = rlpList(decodeRlp(type === 0 ? bytes : bytes.subarray(1)), 'a receipt')
  if (list.length !== 4) throw new Fault('chain/malformed', `a receipt has 4 fields, not ${list.length}`)
  const status = rlpBytes(list[0], 'status')
  rlpFixed(list[2], 256, 'logsBloom')
  return {
    type,
    outcome:
      status.length === 32
        ? { stateRoot: status }
        : { status: rlpBigint(status, 'status', 1) === 1n ? 1 : 0 },
    cumulativeGasUsed: rlpBigint(list[1], 'cumulativeGasUsed', 8),
    logs: rlpList(list[3], 'logs').map((entry) => {
      const [address, topics, data] = rlpList(entry, 'a log')
      return {
        address: rlpFixed(address, 20, 'address'),
        topics: rlpList(topics, 'topics').map((topic) => rlpFixed(topic, 32, 'a topic')),
        data: rlpBytes(data, 'data'),
      }
    }),
  }
}
