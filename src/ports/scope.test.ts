import assert from 'node:assert/strict'
import test from 'node:test'
import { openScope } from './scope.ts'

test('closing aborts the tasks, cleans up last first, and waits for all of it', async () => {
  const scope = openScope('a')
  const order: string[] = []
  scope.spawn('task', async (signal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    order.push('task')
  })
  scope.defer(() => void order.push('first'))
  scope.defer(() => void order.push('second'))
  await Promise.resolve()
  await scope.close()
  assert.deepEqual(order.toSorted(), ['first', 'second', 'task'])
  assert.ok(order.indexOf('second') < order.indexOf('first'))
})

test('what is deferred after closing has begun, or ended, is cleaned up at once', async () => {
  const scope = openScope('a')
  const cleaned: string[] = []
  const interrupted = (async () => {
    await Promise.resolve()
    scope.defer(() => void cleaned.push('while closing'))
  })()
  await scope.close()
  await interrupted
  scope.defer(() => void cleaned.push('closed'))
  await Promise.resolve()
  await Promise.resolve()
  assert.deepEqual(cleaned, ['while closing', 'closed'])
})

test('the first failure aborts the others, and closing tells it', async () => {
  const scope = openScope('a')
  scope.spawn('fails', () => Promise.reject(new Error('the first')))
  scope.spawn(
    'waits',
    (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
  )
  await assert.rejects(scope.failed, /the first/)
  await assert.rejects(scope.close(), /the first/)
})
