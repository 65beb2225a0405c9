/**
 * The state that profile M1 (reference figures: mainnet at 60 M gas) works on: contracts of Zipf's popularity whose slots and accounts are
 * computed from their numbers, so that ten million of them need no memory, and a block can name an old slot without reading the store.
 */
import { assert } from '#kernel/assert.ts'

const ADDRESS_SEED = 7
const KEY_SEED = 1_000
const VALUE_SEED = 500_000_000

/** Accounts for each slot, as on mainnet. */
const ACCOUNTS_PER_SLOT = 0.3
const SLOTS_PER_CONTRACT = 50

export interface World {
  readonly contracts: number
  /** Contracts first; grows with blocks. */
  accounts: number
  /** Of each contract; grows with blocks. */
  readonly slotsOf: Uint32Array
}

export function createWorld(slots: number): World {
  const contracts = Math.max(100, Math.round(slots / SLOTS_PER_CONTRACT))
  const harmonic = Array.from({ length: contracts }, (_, i) => 1 / (i + 1)).reduce((sum, one) => sum + one, 0)
  const slotsOf = Uint32Array.from({ length: contracts }, (_, i) => slots / harmonic / (i + 1))
  return { contracts, accounts: Math.max(contracts, Math.round(slots * ACCOUNTS_PER_SLOT)), slotsOf }
}

export function addressOf(account: number): Uint8Array {
  return fill(new Uint8Array(20), ADDRESS_SEED, account)
}

export function slotKey(contract: number, slot: number): Uint8Array {
  return fill(new Uint8Array(32), KEY_SEED + contract, slot)
}

/** Half of all values are small numbers, half are addresses or words. */
export function slotValue(contract: number, slot: number, version: number): Uint8Array {
  const out = fill(new Uint8Array(32), VALUE_SEED + contract + version, slot)
  const length =
    (out[31] as number) % 2 === 0 ? 1 + ((out[30] as number) % 12) : 20 + ((out[30] as number) % 13)
  out.fill(0, 0, 32 - length)
  out[31] = (out[31] as number) | 1
  return out
}

export function codeHashOf(contract: number): Uint8Array {
  return fill(new Uint8Array(32), 1, contract)
}

/** Numbers 0 to `count` − 1 in the order of what `word` computes first of each. */
export function* inOrder(count: number, first: (i: number) => Uint8Array): Generator<number> {
  assert(count <= 2 ** 22, 'a number and its first 30 bits fit a double')
  const order = Float64Array.from({ length: count }, (_, i) => {
    const bytes = first(i)
    return (new DataView(bytes.buffer).getUint32(0) >>> 2) * 2 ** 22 + i
  }).sort()
  for (const each of order) yield each % 2 ** 22
}

/** Numbers in [0, 1) that are the same in every run. */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    return scramble(state) / 2 ** 32
  }
}

/** One of `count`, the first the most often: Zipf's law with exponent 1. */
export function zipf(random: () => number, count: number): number {
  return Math.min(count - 1, Math.floor(Math.exp(random() * Math.log(count + 1))) - 1)
}

function fill(out: Uint8Array, seed: number, n: number): Uint8Array {
  const view = new DataView(out.buffer)
  const start = seed + Math.imul(n, 0x9e3779b1)
  for (let at = 0; at < out.length; at += 4)
    view.setUint32(at, scramble(start + Math.imul(at + 1, 0x85ebca77)))
  return out
}

/** The finaliser of MurmurHash3: every bit of the result depends on every bit of `x`. */
function scramble(x: number): number {
  let n = x ^ (x >>> 16)
  n = Math.imul(n, 0x85ebca6b)
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35)
  return (n ^ (n >>> 16)) >>> 0
}
