/**
 * What makes a delta canonical, as far as it can be seen without the states: two deltas that say the same are then the same bytes, and
 * nothing in one contradicts the rest of it.
 */
import { keccak256 } from '#core/keccak.ts'
import { compareBytes, equalBytes, toHex } from '#kernel/bytes.ts'
import type { AccountColumns, Code, Delta } from './delta.ts'

/** What is wrong with the delta, in words; undefined where it is canonical. */
export function deltaProblem(delta: Delta): string | undefined {
  const { accounts, slots, cleared, codes } = delta
  return (
    lengthProblem(delta) ??
    orderProblem('accounts', accounts.count, (i, j) => compareRows(accounts.addresses, 20, i, j)) ??
    accountProblem(accounts) ??
    orderProblem(
      'slots',
      slots.count,
      (i, j) => compareRows(slots.addresses, 20, i, j) || compareRows(slots.keys, 32, i, j),
    ) ??
    orderProblem('cleared', cleared.length / 20, (i, j) => compareRows(cleared, 20, i, j)) ??
    clearedProblem(delta) ??
    orderProblem('codes', codes.length, (i, j) =>
      compareBytes((codes[i] as Code).hash, (codes[j] as Code).hash),
    ) ??
    codeProblem(delta)
  )
}

function lengthProblem({ accounts, slots, cleared, codes }: Delta): string | undefined {
  const a = accounts.count
  const s = slots.count
  const lengths = [
    [accounts.addresses, 20 * a], [accounts.exists, a], [accounts.nonces, 8 * a], [accounts.balances, 32 * a], [accounts.codeHashes, 32 * a],
    [slots.addresses, 20 * s], [slots.keys, 32 * s], [slots.values, 32 * s],
  ] as const // biome-ignore format: one table
  if (lengths.some(([bytes, length]) => bytes.length !== length))
    return 'a column has another length than its count says'
  if (cleared.length % 20 !== 0) return 'cleared is not whole addresses'
  return codes.every(({ hash }) => hash.length === 32) ? undefined : 'a code hash is not 32 bytes'
}

function orderProblem(
  what: string,
  count: number,
  compare: (i: number, j: number) => number,
): string | undefined {
  for (let i = 1; i < count; i++) if (compare(i - 1, i) >= 0) return `${what} are not in strict order`
  return undefined
}

function accountProblem({ count, exists, nonces, balances, codeHashes }: AccountColumns): string | undefined {
  for (let i = 0; i < count; i++) {
    if (exists[i] === 1) continue
    if (exists[i] !== 0) return 'existence is not 0 or 1'
    const values = [row(nonces, 8, i), row(balances, 32, i), row(codeHashes, 32, i)]
    if (!values.every(isZero)) return 'an account that does not exist has values'
  }
  return undefined
}

/** Of a cleared account all slots are listed that are not zero after the block, and no others. */
function clearedProblem({ slots, cleared }: Delta): string | undefined {
  if (cleared.length === 0) return undefined
  const addresses = new Set<string>()
  for (let i = 0; i < cleared.length / 20; i++) addresses.add(toHex(row(cleared, 20, i)))
  for (let i = 0; i < slots.count; i++) {
    if (isZero(row(slots.values, 32, i)) && addresses.has(toHex(row(slots.addresses, 20, i))))
      return 'a cleared account has a slot of zero'
  }
  return undefined
}

function codeProblem({ accounts, codes }: Delta): string | undefined {
  if (codes.length === 0) return undefined
  const named = new Set<string>()
  for (let i = 0; i < accounts.count; i++) named.add(toHex(row(accounts.codeHashes, 32, i)))
  for (const { hash, code } of codes) {
    if (code.length === 0) return 'no code is listed as code'
    if (!named.has(toHex(hash))) return 'a code is of none of the accounts'
  }
  return undefined
}

/** Apart, because who makes a delta has hashed its codes already. */
export function codeHashProblem({ codes }: Delta): string | undefined {
  return codes.every(({ hash, code }) => equalBytes(keccak256(code), hash))
    ? undefined
    : 'a code has another hash'
}

function compareRows(column: Uint8Array, width: number, i: number, j: number): number {
  for (let k = 0; k < width; k++) {
    const difference = (column[i * width + k] as number) - (column[j * width + k] as number)
    if (difference !== 0) return difference
  }
  return 0
}

function row(column: Uint8Array, width: number, i: number): Uint8Array {
  return column.subarray(i * width, (i + 1) * width)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
