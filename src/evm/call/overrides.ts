/**
 * State and block overrides of eth_call and eth_estimateGas (geth's internal/ethapi/override), as a view over a view and an environment
 * made from another. Precompiles cannot be moved or replaced: the core has them built in, so that is refused, not ignored.
 */
import { checksumText } from '#chain/codec/checksum.ts'
import { ACCOUNT_BYTES, EMPTY_CODE_HASH, Lookup, type StateView } from '#chain/state-view.ts'
import { type EvmEnvironment, SPEC, type Spec } from '#core/evm-values.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintFrom, bigintTo, fromHex, type Hex, toHex } from '#kernel/bytes.ts'
import { refused, type Refusal } from '#evm/message.ts'

export interface AccountOverride {
  readonly nonce?: bigint
  readonly balance?: bigint
  readonly code?: Uint8Array
  /** All of the account's storage, 32-byte values by 32-byte keys. */
  readonly state?: ReadonlyMap<Hex, Uint8Array>
  /** Single slots of it. Not with `state`. */
  readonly stateDiff?: ReadonlyMap<Hex, Uint8Array>
  readonly movePrecompileTo?: Uint8Array
}
/** By address, in lower case. */
export type StateOverrides = ReadonlyMap<Hex, AccountOverride>

export interface BlockOverrides {
  readonly number?: number
  readonly timestamp?: number
  readonly gasLimit?: bigint
  readonly beneficiary?: Uint8Array
  readonly prevRandao?: Uint8Array
  readonly difficulty?: bigint
  readonly baseFee?: bigint
  /** Wei per blob gas. */
  readonly blobBaseFee?: bigint
}

/** Precompiles with addresses 1 to this, by the fork that added the last of them; P256VERIFY (EIP-7951) is apart. */
const LAST_PRECOMPILE: readonly (readonly [from: Spec, last: bigint])[] = [
  [SPEC.prague, 0x11n], [SPEC.cancun, 0x0an], [SPEC.istanbul, 9n], [SPEC.byzantium, 8n], [SPEC.frontier, 4n],
] // biome-ignore format: one table
const P256_VERIFY = 0x100n

export function overrideEnvironment(environment: EvmEnvironment, overrides: BlockOverrides): EvmEnvironment {
  const { blobBaseFee, difficulty, ...fields } = overrides
  const { blob, spec, legacyFees } = environment
  return {
    ...environment,
    ...(legacyFees && { legacyFees: overrides.baseFee === undefined }),
    ...fields,
    ...(difficulty !== undefined && spec < SPEC.merge && { difficulty }),
    ...(blob && blobBaseFee !== undefined && { blob: { ...blob, gasPrice: blobBaseFee } }),
  }
}

/** The state with the overrides over it, or why that cannot be. */
export function overrideState(view: StateView, overrides: StateOverrides, spec: Spec): StateView | Refusal {
  for (const [address, override] of [...overrides].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = checksumText(fromHex(address))
    const precompile = isPrecompile(address, spec)
    if (override.movePrecompileTo && !precompile) return refused(`account ${name} is not a precompile`)
    if (precompile) return refused(`overriding or moving the precompile ${name} is not supported`)
    if (override.state && override.stateDiff)
      return refused(`account ${name} has both 'state' and 'stateDiff'`)
  }
  return overriddenView(view, overrides)
}

function isPrecompile(address: Hex, spec: Spec): boolean {
  const number = BigInt(address)
  const last = LAST_PRECOMPILE.find(([from]) => spec >= from)?.[1] ?? 0n
  return (number > 0n && number <= last) || (number === P256_VERIFY && spec >= SPEC.osaka)
}

function overriddenView(view: StateView, overrides: StateOverrides): StateView {
  const codes = new Map<Hex, Uint8Array>()
  const hashes = new Map<Hex, Uint8Array>()
  for (const [address, { code }] of overrides) {
    if (code === undefined) continue
    const hash = code.length === 0 ? fromHex(EMPTY_CODE_HASH) : keccak256(code)
    hashes.set(address, hash)
    codes.set(toHex(hash), code)
  }
  return {
    account(address, out) {
      const found = view.account(address, out)
      const key = toHex(address)
      const override = overrides.get(key)
      if (override === undefined || found === Lookup.missing) return found
      if (found === Lookup.absent) clearAccount(out)
      if (override.nonce !== undefined) out.set(bigintTo(override.nonce, 8), 0)
      if (override.balance !== undefined) out.set(bigintTo(override.balance, 32), 8)
      const hash = hashes.get(key)
      if (hash !== undefined) out.set(hash, 40)
      return isEmpty(out) ? found : Lookup.found
    },
    slot(address, slot, out) {
      const override = overrides.get(toHex(address))
      const value = (override?.state ?? override?.stateDiff)?.get(toHex(slot))
      if (value !== undefined) {
        out.set(value)
        return Lookup.found
      }
      if (override?.state === undefined) return view.slot(address, slot, out)
      out.fill(0, 0, 32)
      return Lookup.absent
    },
    code: (codeHash) => codes.get(toHex(codeHash)) ?? view.code(codeHash),
    blockHash: (number, out) => view.blockHash(number, out),
  }
}

function clearAccount(out: Uint8Array): void {
  out.fill(0, 0, ACCOUNT_BYTES)
  out.set(fromHex(EMPTY_CODE_HASH), 40)
}

function isEmpty(account: Uint8Array): boolean {
  return bigintFrom(account.subarray(0, 40)) === 0n && toHex(account, 40, ACCOUNT_BYTES) === EMPTY_CODE_HASH
}
