/** Paths in a trie: keys read as nibbles, two a byte, and the hex-prefix encoding of a part of one (Yellow Paper appendix C). */

export function nibbleAt(key: Uint8Array, index: number): number {
  const byte = key[index >> 1] as number
  return index & 1 ? byte & 15 : byte >> 4
}

export function setNibble(key: Uint8Array, index: number, nibble: number): void {
  const byte = key[index >> 1] as number
  key[index >> 1] = index & 1 ? (byte & 0xf0) | nibble : (byte & 15) | (nibble << 4)
}

/** One nibble a byte. */
export function nibblesOf(key: Uint8Array, from = 0, to = 2 * key.length): Uint8Array {
  const out = new Uint8Array(to - from)
  for (let i = from; i < to; i++) out[i - from] = nibbleAt(key, i)
  return out
}

/** How many nibbles two keys share, from `from` on at least those that they are known to share. */
export function sharedNibbles(a: Uint8Array, b: Uint8Array, from: number): number {
  let i = from >> 1
  while (i < a.length && a[i] === b[i]) i++
  if (i === a.length) return 2 * i
  return (a[i] as number) >> 4 === (b[i] as number) >> 4 ? 2 * i + 1 : 2 * i
}

/** @param nibbles one a byte */
export function hexPrefix(nibbles: Uint8Array, isLeaf: boolean): Uint8Array {
  const odd = nibbles.length % 2
  const out = new Uint8Array(1 + (nibbles.length - odd) / 2)
  out[0] = ((isLeaf ? 2 : 0) + odd) * 16 + (odd === 1 ? (nibbles[0] as number) : 0)
  for (let i = odd; i < nibbles.length; i += 2) {
    out[1 + (i - odd) / 2] = (nibbles[i] as number) * 16 + (nibbles[i + 1] as number)
  }
  return out
}
