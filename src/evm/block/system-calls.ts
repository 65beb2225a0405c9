/** What happens in a block before its first transaction: EIP-4788 and EIP-2935. */
import type { Header } from '#chain/header/header.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import type { Evm } from '#core/evm.ts'
import type { EvmOutcome, MissingKey } from '#core/evm-values.ts'
import { fromHex } from '#kernel/bytes.ts'

/** Why a block cannot be executed; with the keys where it is for want of state. */
export interface Failure {
  readonly reason: string
  readonly missing?: readonly MissingKey[]
}

const BEACON_ROOTS = fromHex('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const BLOCK_HASHES = fromHex('0x0000f90827f1c53a10cb7a02335b175320002935')

/** A call to an address without code does nothing, as both EIPs want. */
export function callBeforeTransactions(evm: Evm, header: Header, rules: Rules): Failure | undefined {
  const calls: (readonly [what: string, address: Uint8Array, data: Uint8Array])[] = []
  if (header.parentBeaconBlockRoot !== undefined)
    calls.push(['beacon roots (EIP-4788)', BEACON_ROOTS, header.parentBeaconBlockRoot])
  if (isActive(rules, 'prague'))
    calls.push(['block hashes (EIP-2935)', BLOCK_HASHES, fromHex(header.parentHash)])
  for (const [what, address, data] of calls) {
    const outcome = evm.systemCall(address, data)
    // Both EIPs ignore what the contract says; only an unfinished call is a failure.
    if (outcome.kind === 'missing' || outcome.kind === 'timeout' || outcome.kind === 'invalid')
      return failureOf(`the system call for ${what}`, outcome)
  }
  return undefined
}

export function failureOf(what: string, outcome: EvmOutcome): Failure {
  switch (outcome.kind) {
    case 'missing':
      return { reason: `${what} reads state that is not here`, missing: outcome.keys }
    case 'invalid':
    case 'halt':
      return { reason: `${what} failed: ${outcome.reason}` }
    default:
      return { reason: `${what} failed: ${outcome.kind}` }
  }
}
