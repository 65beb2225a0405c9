import assert from 'node:assert/strict'
import test from 'node:test'
import { Fault } from '#kernel/fault.ts'
import { silent } from '#ports/logger.ts'
import { openScope } from '#ports/scope.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { replicaLimits } from '#roles/replica/limits.ts'
import { countRestarts, openThreadSlot } from './thread-slot.ts'
import type { Thread } from './worker.ts'

const FIRST_PAUSE_MS = 50
const MAX = replicaLimits.threadRestartsMax.value

/** A thread without a thread: the test says when it ends. */
function thread() {
  const ended = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  ended.promise.catch(() => {})
  const one: Thread = {
    started: Promise.resolve(),
    ended: ended.promise,
    gone: gone.promise,
    heard: () => Promise.resolve(),
    order: () => {},
    stop: () => {},
    kill: () => {},
  }
  return {
    one,
    fail(why: string, code = 'thread/failed') {
      ended.reject(new Fault(code, why))
      gone.resolve()
    },
    end() {
      ended.resolve()
      gone.resolve()
    },
  }
}

async function world() {
  const clock = createVirtualClock()
  const scope = openScope('test')
  const threads: ReturnType<typeof thread>[] = []
  let beginFails = 0
  const begin = async (): Promise<Thread> => {
    if (beginFails-- > 0) throw new Fault('thread/failed', 'it does not even start')
    const next = thread()
    threads.push(next)
    return next.one
  }
  const restarts = countRestarts(clock)
  const slot = await openThreadSlot('answerer', begin, { clock, log: silent, restarts }, scope)
  const last = () => threads.at(-1) as ReturnType<typeof thread>
  return {
    ...{ clock, scope, slot, threads, last },
    /** Closing the scope stops whoever is there. */
    close() {
      for (const { end } of threads) end()
      return scope.close()
    },
    failBeginnings: (times: number) => void (beginFails = times),
  }
}

test('another thread takes the place of one that failed, after a pause that grows', async () => {
  const { clock, close, slot, threads, last } = await world()
  for (let pauseMs = FIRST_PAUSE_MS, times = 1; times <= MAX; times++, pauseMs *= 2) {
    last().fail('out of memory')
    await clock.advance(pauseMs - 1)
    assert.equal(threads.length, times)
    await clock.advance(1)
    assert.equal(threads.length, times + 1)
    assert.equal(slot.thread(), last().one)
  }
  await close()
})

test('when too many have failed in a minute the process ends with the last reason; a minute later it counts anew', async () => {
  const { clock, close, scope, last } = await world()
  for (let times = 0; times < MAX; times++) {
    last().fail('early')
    await clock.advance(5_000)
  }
  await clock.advance(60_000)
  for (let times = 0; times < MAX; times++) {
    last().fail('late')
    await clock.advance(5_000)
  }
  assert.ok(!scope.signal.aborted)
  last().fail('the last')
  await clock.advance(0)
  await assert.rejects(scope.failed, /6 threads failed within a minute, the last because: the last/)
  await assert.rejects(close())
})

test('what the next one would meet as well is the end at once', async () => {
  const { clock, close, scope, threads, last } = await world()
  last().fail('127.0.0.1:8556 is taken', 'net/port-in-use')
  await clock.advance(10_000)
  assert.equal(threads.length, 1)
  await assert.rejects(scope.failed, /8556 is taken/)
  await assert.rejects(close())
})

test('one that cannot start is tried again, and counts', async () => {
  const { clock, close, slot, last, threads, failBeginnings } = await world()
  failBeginnings(2)
  last().fail('once')
  await clock.advance(FIRST_PAUSE_MS * (1 + 2 + 4))
  assert.equal(threads.length, 2)
  assert.equal(slot.thread(), last().one)
  await close()
})

test('one that was told to end, or whose place another has, is not replaced', async () => {
  const { clock, close, slot, threads, last } = await world()
  const young = thread()
  slot.put(young.one)
  last().fail('while it drained')
  await clock.advance(1_000)
  assert.equal(threads.length, 1)
  assert.equal(slot.thread(), young.one)
  slot.leave()
  young.end()
  await clock.advance(1_000)
  assert.equal(threads.length, 1)
  await close()
})

test('a thread that took the place of another is kept like the first', async () => {
  const { clock, close, slot, threads, last } = await world()
  const young = thread()
  slot.put(young.one)
  last().end()
  await clock.advance(0)
  young.fail('later')
  await clock.advance(FIRST_PAUSE_MS)
  assert.equal(threads.length, 2)
  assert.equal(slot.thread(), last().one)
  await close()
})
