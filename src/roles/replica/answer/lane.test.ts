import assert from 'node:assert/strict'
import test from 'node:test'
import { createLane } from './lane.ts'

const patient = new AbortController().signal

test('so many run, so many wait, and more are refused at once', async () => {
  const lane = createLane({ runningMax: 2, waitingMax: 1 })
  assert.equal(lane.enter(patient), true)
  assert.equal(lane.enter(patient), true)
  const third = lane.enter(patient)
  assert.ok(third instanceof Promise)
  assert.equal(lane.enter(patient), false)
  lane.leave()
  assert.equal(await third, true)
  assert.ok(lane.enter(patient) instanceof Promise, 'the place was taken by who waited')
})

test('they are let in in the order in which they came', async () => {
  const lane = createLane({ runningMax: 1, waitingMax: 3 })
  lane.enter(patient)
  const order: number[] = []
  const all = [1, 2, 3].map(async (name) => {
    await lane.enter(patient)
    order.push(name)
    lane.leave()
  })
  lane.leave()
  await Promise.all(all)
  assert.deepEqual(order, [1, 2, 3])
  assert.equal(lane.enter(patient), true, 'the lane is empty again')
})

test('whoever goes away while it waits makes room and takes no place', async () => {
  const lane = createLane({ runningMax: 1, waitingMax: 1 })
  lane.enter(patient)
  const gone = new AbortController()
  const waited = lane.enter(gone.signal)
  gone.abort()
  assert.equal(await waited, false)
  const next = lane.enter(patient)
  assert.ok(next instanceof Promise)
  lane.leave()
  assert.equal(await next, true)
  assert.equal(lane.enter(gone.signal), false)
})
