/**
 * Pseudo-random numbers from a seed, the same everywhere. Not for secrets. A child is made from the seed and a name, not from what was drawn
 * before, so that a new concern with a child of its own shifts nobody else's numbers.
 */
import { assert } from './assert.ts'

export interface Prng {
  /** Uniform in [0, 1), 32 bits of it. */
  unit(): number
  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  bytes(length: number): Uint8Array
  child(name: string): Prng
}

export function createPrng(seed: number | string): Prng {
  const text = String(seed)
  // sfc32 (Chris Doty-Humphrey's PractRand): small, fast, 128 bits of state.
  let a = fnv(text, 0x811c9dc5)
  let b = fnv(text, 0x9747b28c)
  let c = fnv(text, 0x3c6ef372)
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next() // near seeds begin far apart
  const unit = (): number => next() / 0x1_0000_0000
  const between = (low: number, high: number): number => low + Math.floor(unit() * (high - low + 1))
  return {
    unit,
    between,
    chance: (probability) => unit() < probability,
    pick(from) {
      assert(from.length > 0, 'there is something to pick from')
      return from[between(0, from.length - 1)] as (typeof from)[number]
    },
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    child: (name) => createPrng(`${text}/${name}`),
  }
}

/** FNV-1a over the text's code units. */
function fnv(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}
