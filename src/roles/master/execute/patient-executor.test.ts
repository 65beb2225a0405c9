import assert from 'node:assert/strict'
import test from 'node:test'
import { Fault } from '#kernel/fault.ts'
import { silent } from '#ports/logger.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import type { ExecutorDoor } from './messages.ts'
import { patientExecutor } from './patient-executor.ts'

function rig(outcomes: (Fault | string)[]) {
  const clock = createVirtualClock()
  const errors: string[] = []
  const door: ExecutorDoor = {
    ask: () => {
      const next = outcomes.shift()
      return next instanceof Fault ? Promise.reject(next) : Promise.resolve(next as never)
    },
    close: () => {},
  }
  const log = { ...silent, error: (line: string) => errors.push(line) }
  return { executor: patientExecutor(door, { clock, log }), clock, errors, outcomes }
}
const full = new Fault('store/disk-low', 'no room')

test('while the disk is full the same is asked again, and said once', async () => {
  const { executor, clock, errors } = rig([full, full, full, '0x1'])
  const asked = executor.ask('hashAt', { number: 1 })
  await clock.advance(5_000)
  assert.equal(await asked, '0x1')
  assert.equal(errors.length, 1)
})

test('any other failure is what it is', async () => {
  const { executor, outcomes } = rig([new Fault('store/damaged', 'broken'), '0x1'])
  await assert.rejects(executor.ask('hashAt', { number: 1 }), { code: 'store/damaged' })
  assert.equal(outcomes.length, 1)
})
