import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { PendingSwitch } from './pending-switch.ts'

let made = 0
const block = (number: number): BlockRef => ({ number, hash: `0x${made++}` as BlockHash })

test('any decisions in a row are one switch with the same end, which applies nothing that it does not end with', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.boolean()), { maxLength: 12 }), (moves) => {
      const start = Array.from({ length: 6 }, (_, i) => block(i))
      const pending = new PendingSwitch()
      let chain: readonly BlockRef[] = start
      for (const [back, up, returns] of moves) {
        const kept = chain.slice(0, Math.max(1, chain.length - back))
        const undo = chain.slice(kept.length).toReversed()
        const fresh = Array.from({ length: up }, (_, i) => block(kept.length + i))
        // Now and then back to where it began.
        const isOnStart = kept.every((each, i) => each === start[i])
        const apply = returns && isOnStart ? start.slice(kept.length) : fresh
        pending.move(undo, apply)
        chain = [...kept, ...apply]
      }
      const shared = chain.findIndex((each, i) => each !== start[i])
      const join = shared === -1 ? Math.min(chain.length, start.length) : shared
      assert.deepEqual(pending.undo, start.slice(join).toReversed())
      assert.deepEqual(pending.apply, chain.slice(join))
    }),
  )
})
