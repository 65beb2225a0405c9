import assert from 'node:assert/strict'
import test from 'node:test'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import type { Snapshot } from '#state/snapshot.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { createSharedSnapshots } from './shared-snapshot.ts'

/** A store whose snapshots say which of them are bound. */
function shared() {
  const clock = createVirtualClock()
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  const bound: number[] = []
  let sequence = 1
  let made = 0
  const snapshots = createSharedSnapshots(
    {
      snapshot: () => {
        const number = ++made
        bound.push(number)
        const release = (): void => {
          assert.ok(bound.includes(number), 'a snapshot is released once')
          bound.splice(bound.indexOf(number), 1)
        }
        return { sequence, release } as Snapshot
      },
    },
    { board, clock },
  )
  board.setSequence(sequence)
  return { clock, board, bound, snapshots, committed: () => (sequence = board.sequence()) }
}

test('bodies share the snapshot of the newest commit', () => {
  const { bound, snapshots } = shared()
  const [first, second] = [snapshots.bind(), snapshots.bind()]
  assert.equal(first, second)
  first.release()
  second.release()
  assert.deepEqual(bound, [1], 'kept for the next body')
})

test('from the moment that a commit is announced every body binds its own, until one shows that commit', () => {
  const { board, bound, committed, snapshots } = shared()
  const old = snapshots.bind()
  board.setSequence(2)
  const [during, alsoDuring] = [snapshots.bind(), snapshots.bind()]
  assert.notEqual(during, alsoDuring)
  committed()
  const after = snapshots.bind()
  assert.equal(after.sequence, 2)
  assert.equal(snapshots.bind(), after)
  for (const one of [old, during, alsoDuring]) one.release()
  assert.deepEqual(bound, [4], 'what nobody uses is not kept')
})

test('a snapshot that nobody asks for is let go, and one in use when its user ends', async () => {
  const { clock, bound, snapshots } = shared()
  snapshots.bind().release()
  await clock.advance(251)
  assert.deepEqual(bound, [])
  const used = snapshots.bind()
  await clock.advance(251)
  assert.deepEqual(bound, [2])
  const later = snapshots.bind()
  assert.notEqual(later, used)
  used.release()
  assert.deepEqual(bound, [3])
  later.release()
  snapshots.rest()
  assert.deepEqual(bound, [])
})
