/** The operating system's randomness. */
import { randomBytes } from 'node:crypto'
import type { Random } from '#ports/random.ts'

export function createRandom(): Random {
  return {
    bytes: (length) => new Uint8Array(randomBytes(length)),
    unit: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  }
}
