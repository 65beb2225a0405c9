import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Owner, Scheduler, type SchedulerEvent } from './scheduler.ts'

test('events run in the order of their times, and of two at one time the one that was made first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 60 }), (delays) => {
      const scheduler = new Scheduler()
      const ran: number[] = []
      delays.forEach((delay, i) => scheduler.after(delay, undefined, () => ran.push(i)))
      while (scheduler.turn(1_000)) assert.equal(scheduler.nowMs(), delays[ran.at(-1) as number])
      const sorted = delays
        .map((delay, i) => ({ delay, i }))
        .toSorted((a, b) => a.delay - b.delay || a.i - b.i)
      assert.deepEqual(
        ran,
        sorted.map(({ i }) => i),
      )
    }),
  )
})

test('what is cancelled does not run, and nothing runs after the end', () => {
  const scheduler = new Scheduler()
  const ran: string[] = []
  scheduler.after(1, undefined, () => ran.push('cancelled')).cancel()
  scheduler.after(5, undefined, () => ran.push('in time'))
  scheduler.after(11, undefined, () => ran.push('late'))
  while (scheduler.turn(10)) continue
  assert.deepEqual(ran, ['in time'])
})

test('events of one who is stopped for a while come later, in their order; of one who is gone they never come', () => {
  const scheduler = new Scheduler()
  const ran: string[] = []
  const held: SchedulerEvent[] = []
  let fate: 'run' | 'hold' | 'drop' = 'hold'
  const owner: Owner = { fate: () => fate, hold: (event) => void held.push(event) }
  scheduler.after(1, owner, () => ran.push('first'))
  const second = scheduler.after(2, owner, () => ran.push('second'))
  scheduler.after(3, owner, () => ran.push('third'))
  while (scheduler.turn(10)) continue
  assert.equal(ran.length, 0)
  fate = 'run'
  for (const event of held) scheduler.again(event)
  second.cancel()
  while (scheduler.turn(20)) continue
  assert.deepEqual(ran, ['first', 'third'])
  scheduler.after(1, owner, () => void ran.push('dropped'))
  fate = 'drop'
  while (scheduler.turn(30)) continue
  assert.deepEqual(ran, ['first', 'third'])
})
