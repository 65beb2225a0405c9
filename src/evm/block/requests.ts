/** A block's requests to the consensus layer (EIP-7685): deposits from logs, withdrawals and consolidations from system contracts. */
import type { Log, Receipt } from '#chain/transaction/receipt.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import type { Evm } from '#core/evm.ts'
import { bigintFrom, concatBytes, equalBytes, fromHex } from '#kernel/bytes.ts'
import { type Failure, failureOf } from './system-calls.ts'

const WITHDRAWAL_REQUESTS = fromHex('0x00000961ef480eb55e80d19ad83579a64c007002')
const CONSOLIDATION_REQUESTS = fromHex('0x0000bbddc7ce488642fb579f8b00f3a590007251')
/** EIP-8282. */
const BUILDER_DEPOSITS = fromHex('0x0000bff46984e3725691fa540a8c7589300d8282')
const BUILDER_EXITS = fromHex('0x000064d678505ad48f8ccb093bc65613800e8282')
const DEPOSIT_EVENT = fromHex('0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5')

/** EIP-6110: where each field of a DepositEvent starts, and its bytes: public key, credentials, amount, signature, index. */
const DEPOSIT_FIELDS = [
  { at: 160, bytes: 48 },
  { at: 256, bytes: 32 },
  { at: 320, bytes: 8 },
  { at: 384, bytes: 96 },
  { at: 512, bytes: 8 },
] as const
const DEPOSIT_BYTES = 576

/** type ‖ data each, in the order of their types, those without data too (the requests hash leaves them out). */
export function collectRequests(
  evm: Evm,
  receipts: readonly Receipt[],
  rules: Rules,
): Uint8Array[] | Failure {
  const deposits = depositsIn(
    receipts.flatMap(({ logs }) => logs),
    rules,
  )
  if (!(deposits instanceof Uint8Array)) return deposits
  const requests = [concatBytes(Uint8Array.of(0), deposits)]
  for (const [type, address] of [
    [1, WITHDRAWAL_REQUESTS],
    [2, CONSOLIDATION_REQUESTS],
    ...(isActive(rules, 'amsterdam')
      ? ([
          [3, BUILDER_DEPOSITS],
          [4, BUILDER_EXITS],
        ] as const)
      : []),
  ] as const) {
    // Not refused where there is no code, as EIP-7002 and 7251 want: anvil has none, and the header's hash says what there was.
    const outcome = evm.systemCall(address, new Uint8Array(0))
    if (outcome.kind !== 'success') return failureOf(`the system call for requests of type ${type}`, outcome)
    requests.push(concatBytes(Uint8Array.of(type), outcome.output))
  }
  return requests
}

/** EIP-6110: the data of all deposits, one after another. */
export function depositsIn(logs: readonly Log[], { depositContract }: Rules): Uint8Array | Failure {
  const parts: Uint8Array[] = []
  for (const { address, topics, data } of logs) {
    if (depositContract === undefined || !equalBytes(address, depositContract)) continue
    if (topics[0] === undefined || !equalBytes(topics[0], DEPOSIT_EVENT)) continue
    if (!isDepositEvent(data)) return { reason: 'a deposit event is not of its layout (EIP-6110)' }
    for (const { at, bytes } of DEPOSIT_FIELDS) parts.push(data.subarray(at + 32, at + 32 + bytes))
  }
  return concatBytes(...parts)
}

function isDepositEvent(data: Uint8Array): boolean {
  if (data.length !== DEPOSIT_BYTES) return false
  const word = (at: number): bigint => bigintFrom(data.subarray(at, at + 32))
  return DEPOSIT_FIELDS.every(({ at, bytes }, i) => word(32 * i) === BigInt(at) && word(at) === BigInt(bytes))
}
