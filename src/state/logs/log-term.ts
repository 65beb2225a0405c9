/**
 * A term is what a query may ask of a log: a position (the address, or the place of a topic) and the bytes there. The index knows terms by a
 * hash of 48 bits, which is a number and a short key; two terms with one hash cost a look at a row, not a wrong answer.
 */

/** Position of a log's address; topics stand at 1 to 4. */
export const ADDRESS = 0

/** Of `bytes[from, to)`, a multiple of four bytes. Two multiplicative lanes as in MurmurHash3: keccak would cost as much as the rows. */
export function termHash(position: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let a = (position + 1) * 0x9e3779b1
  let b = ~a
  for (let i = from; i < to; i += 4) {
    const word =
      ((bytes[i] as number) << 24) |
      ((bytes[i + 1] as number) << 16) |
      ((bytes[i + 2] as number) << 8) |
      (bytes[i + 3] as number)
    a = Math.imul(a ^ word, 0x85ebca6b)
    a ^= a >>> 15
    b = Math.imul(b ^ (b >>> 13) ^ word, 0xc2b2ae35)
  }
  return finish(a) * 0x1_0000 + (finish(b ^ a) & 0xffff)
}

function finish(x: number): number {
  let n = x ^ (x >>> 16)
  n = Math.imul(n, 0x85ebca6b)
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35)
  return (n ^ (n >>> 16)) >>> 0
}
