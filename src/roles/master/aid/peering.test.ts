import assert from 'node:assert/strict'
import test from 'node:test'
import { reachedAt } from './peering.ts'

const KEY = 'ab'.repeat(64)
const options = { host: undefined, clientHost: '10.0.0.7' }

test('a client that only knows its loopback address is reached where its master reaches it', () => {
  for (const nowhere of ['127.0.0.1', '0.0.0.0', '[::]', '[::1]', 'localhost'])
    assert.equal(reachedAt(`enode://${KEY}@${nowhere}:30303`, options), `enode://${KEY}@10.0.0.7:30303`)
  assert.equal(
    reachedAt(`enode://${KEY}@127.0.0.1:30303?discport=0`, { ...options, clientHost: '[2001:db8::1]' }),
    `enode://${KEY}@[2001:db8::1]:30303?discport=0`,
  )
})

test('one that knows better is believed, unless its operator does', () => {
  const enode = `enode://${KEY}@192.0.2.1:30303`
  assert.equal(reachedAt(enode, options), enode)
  assert.equal(reachedAt(enode, { ...options, host: 'geth.example' }), `enode://${KEY}@geth.example:30303`)
})
