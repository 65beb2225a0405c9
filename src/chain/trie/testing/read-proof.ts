/** A verifier of proofs that shares nothing with what makes them. */
import { keccak256 } from '#core/keccak.ts'
import { decodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { assert } from '#kernel/assert.ts'
import { equalBytes } from '#kernel/bytes.ts'

/** The value that the proof shows under the key, undefined where it shows that there is none. Fails where it shows neither. */
export function readLeaf(
  root: Uint8Array,
  key: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  const nibbles = [...key].flatMap((byte) => [byte >> 4, byte & 15])
  let next = 0
  const resolve = (reference: RlpItem): RlpItem => {
    if (!(reference instanceof Uint8Array)) return reference
    const node = proof[next++]
    assert(node !== undefined, 'a proof has all the nodes that it needs')
    assert(equalBytes(keccak256(node), reference), 'a node is what its parent says')
    return decodeRlp(node)
  }
  let node = resolve(root)
  for (let depth = 0; ; ) {
    assert(!(node instanceof Uint8Array), 'a node is a list')
    if (node.length === 17) {
      const child = node[nibbles[depth++] as number] as RlpItem
      if (child instanceof Uint8Array && child.length === 0) return ended(undefined)
      node = resolve(child)
      continue
    }
    const [path, content] = node as [Uint8Array, RlpItem]
    const flag = (path[0] as number) >> 4
    const part = [...path].flatMap((byte) => [byte >> 4, byte & 15]).slice(flag & 1 ? 1 : 2)
    if (!part.every((nibble, i) => nibbles[depth + i] === nibble)) return ended(undefined)
    depth += part.length
    if (flag >= 2) return ended(content as Uint8Array)
    node = resolve(content)
  }

  function ended(value: Uint8Array | undefined): Uint8Array | undefined {
    assert(next === proof.length, 'a proof has no more nodes than it needs')
    return value
  }
}
