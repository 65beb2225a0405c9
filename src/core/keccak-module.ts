/**
 * A WebAssembly module that does one thing: Keccak-f[1600] with all rounds written out, the 25 lanes of the state in locals. The compiled core
 * hashes at 145 MB/s, because its rounds are loops over memory; this at 330 (Node 24), and hashing is a tenth of applying a block. The module is
 * written here, in its binary format, because nothing compiles it better than a loop that prints the instructions.
 * Sources: the Keccak reference, version 3.0, chapter 1.2; WebAssembly core specification, chapter 5.
 */

/** Bytes that one permutation takes in, of Keccak-256. */
export const RATE_BYTES = 136
/** The state stands at 0 of the memory, what is to be taken in from here on. */
export const INPUT_AT = 256

export interface KeccakExports {
  readonly memory: WebAssembly.Memory
  /** Takes blocks of {@link RATE_BYTES} into the state: `count` of them, at least one, from `at` on. */
  absorb(at: number, count: number): void
}

const LANES = 25
const ROUND_CONSTANTS = [
  0x1n, 0x8082n, 0x800000000000808an, 0x8000000080008000n, 0x808bn, 0x80000001n, 0x8000000080008081n, 0x8000000000008009n, 0x8an,
  0x88n, 0x80008009n, 0x8000000an, 0x8000808bn, 0x800000000000008bn, 0x8000000000008089n, 0x8000000000008003n, 0x8000000000008002n,
  0x8000000000000080n, 0x800an, 0x800000008000000an, 0x8000000080008081n, 0x8000000000008080n, 0x80000001n, 0x8000000080008008n,
] // biome-ignore format: one table
/** Of lane x + 5y. */
const ROTATIONS = [
  0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14,
] // biome-ignore format: one table

const Op = {
  loop: 0x03, end: 0x0b, branchIf: 0x0d, get: 0x20, set: 0x21, tee: 0x22, load64: 0x29, store64: 0x37, const32: 0x41, const64: 0x42,
  add32: 0x6a, sub32: 0x6b, and: 0x83, xor: 0x85, rotateLeft: 0x89,
} as const // biome-ignore format: one table
const NO_RESULT = 0x40
const I32 = 0x7f
const I64 = 0x7e
/** As a power of two. */
const ALIGNED_8 = 3

// Locals: the two parameters, then the lanes, the lanes after rho and pi, the parities of the columns, and what is added to them.
const AT = 0
const COUNT = 1
const lane = (i: number): number => 2 + i
const moved = (i: number): number => 2 + LANES + i
const parity = (x: number): number => 2 + 2 * LANES + (x % 5)
const added = (x: number): number => 2 + 2 * LANES + 5 + x
const LOCALS = 2 * LANES + 10

export function keccakModule(): Uint8Array {
  const type = [1, 0x60, 2, I32, I32, 0]
  const onePage = [1, 0, 1]
  const exported = [2, ...name('memory'), 2, 0, ...name('absorb'), 0, 0]
  const body = [1, ...unsigned(LOCALS), I64, ...absorb()]
  const code = [1, ...unsigned(body.length), ...body]
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  return Uint8Array.from([
    ...magic,
    ...section(1, type),
    ...section(3, [1, 0]),
    ...section(5, onePage),
    ...section(7, exported),
    ...section(10, code),
  ])
}

function absorb(): number[] {
  const out: number[] = []
  const constant = (value: number): number[] => [Op.const32, ...signed(BigInt(value))]
  for (let i = 0; i < LANES; i++)
    out.push(...constant(0), Op.load64, ALIGNED_8, ...unsigned(8 * i), Op.set, lane(i))
  out.push(Op.loop, NO_RESULT)
  for (let i = 0; i < RATE_BYTES / 8; i++)
    out.push(Op.get, lane(i), Op.get, AT, Op.load64, 0, ...unsigned(8 * i), Op.xor, Op.set, lane(i))
  for (const roundConstant of ROUND_CONSTANTS) out.push(...round(roundConstant))
  out.push(Op.get, AT, ...constant(RATE_BYTES), Op.add32, Op.set, AT)
  out.push(Op.get, COUNT, ...constant(1), Op.sub32, Op.tee, COUNT, Op.branchIf, 0, Op.end)
  for (let i = 0; i < LANES; i++)
    out.push(...constant(0), Op.get, lane(i), Op.store64, ALIGNED_8, ...unsigned(8 * i))
  out.push(Op.end)
  return out
}

function round(roundConstant: bigint): number[] {
  const out: number[] = []
  const rotated = (by: number): number[] =>
    by === 0 ? [] : [Op.const64, ...signed(BigInt(by)), Op.rotateLeft]
  // theta
  for (let x = 0; x < 5; x++) {
    out.push(Op.get, lane(x))
    for (let y = 1; y < 5; y++) out.push(Op.get, lane(x + 5 * y), Op.xor)
    out.push(Op.set, parity(x))
  }
  for (let x = 0; x < 5; x++)
    out.push(Op.get, parity(x + 4), Op.get, parity(x + 1), ...rotated(1), Op.xor, Op.set, added(x))
  // theta's end, rho and pi
  for (let y = 0; y < 5; y++)
    for (let x = 0; x < 5; x++) {
      out.push(Op.get, lane(x + 5 * y), Op.get, added(x), Op.xor, ...rotated(ROTATIONS[x + 5 * y] as number))
      out.push(Op.set, moved(y + 5 * ((2 * x + 3 * y) % 5)))
    }
  // chi and iota
  const allOnes = [Op.const64, ...signed(-1n)]
  for (let y = 0; y < 5; y++)
    for (let x = 0; x < 5; x++) {
      const at = (i: number): number => moved((i % 5) + 5 * y)
      out.push(Op.get, at(x), Op.get, at(x + 1), ...allOnes, Op.xor, Op.get, at(x + 2), Op.and, Op.xor)
      if (x + y === 0) out.push(Op.const64, ...signed(BigInt.asIntN(64, roundConstant)), Op.xor)
      out.push(Op.set, lane(x + 5 * y))
    }
  return out
}

function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes]
}

function name(text: string): number[] {
  return [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))]
}

/** LEB128. */
function unsigned(value: number): number[] {
  const out: number[] = []
  let left = value
  for (; left > 0x7f; left >>>= 7) out.push((left & 0x7f) | 0x80)
  out.push(left)
  return out
}

/** Signed LEB128. */
function signed(value: bigint): number[] {
  const out: number[] = []
  for (let left = value; ; left >>= 7n) {
    const byte = Number(left & 0x7fn)
    const rest = left >> 7n
    const isLast = (rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)
    out.push(isLast ? byte : byte | 0x80)
    if (isLast) return out
  }
}
