import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { clientOf, createGate, type GateReason } from './gate.ts'

const MIB = 1_024 * 1_024

function gate(clientRequestsMax: number) {
  const refused: GateReason[] = []
  let short = false
  const made = createGate(
    { clientRequestsMax, bodyBytesMax: 5 * MIB },
    { isShort: () => short, refused: (reason) => refused.push(reason) },
  )
  const head = (remote: string, method: string, length: number | undefined) => ({
    method,
    remote,
    headers: length === undefined ? {} : { 'content-length': String(length) },
  })
  const enter = (remote: string, method = 'POST', length: number | undefined = 100) =>
    made.enter(head(remote, method, length))
  const leave = (remote: string, method = 'POST', length: number | undefined = 100) =>
    made.left(head(remote, method, length))
  return { enter, leave, refused, setShort: (is: boolean) => (short = is) }
}

test('a client has so many requests under way and no more; others are not concerned', () => {
  const { enter, leave, refused } = gate(2)
  assert.equal(enter('192.0.2.1'), undefined)
  assert.equal(enter('192.0.2.1'), undefined)
  const answer = enter('192.0.2.1')
  assert.equal(answer?.status, 503)
  assert.equal(answer?.headers['retry-after'], '1')
  assert.deepEqual(JSON.parse(String(answer?.body)), {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32005, message: 'too many requests of one client (max 2), try again' },
  })
  assert.equal(enter('192.0.2.2'), undefined)
  leave('192.0.2.1')
  assert.equal(enter('192.0.2.1'), undefined)
  assert.deepEqual(refused, ['client'])
})

test('while memory is short nothing new is let in but what operators look at', () => {
  const { enter, leave, refused, setShort } = gate(1)
  setShort(true)
  assert.equal(enter('192.0.2.1')?.status, 503)
  assert.equal(enter('192.0.2.1', 'GET'), undefined)
  leave('192.0.2.1', 'GET')
  setShort(false)
  assert.equal(enter('192.0.2.1'), undefined)
  assert.deepEqual(refused, ['memory'])
})

test('whoever has one address of an IPv6 network has all of them', () => {
  const same = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['2001:db8::1', '2001:db8:0:0:1:2:3:4'],
    ['fe80::1%eth0', 'fe80::2%eth1'],
  ] as const
  for (const [one, other] of same) assert.equal(clientOf(one), clientOf(other))
  assert.notEqual(clientOf('2001:db8:1:2::1'), clientOf('2001:db8:1:3::1'))
  assert.notEqual(clientOf('192.0.2.1'), clientOf('192.0.2.2'))
})

test('whatever the order of coming and going, a client is let in exactly while it has fewer under way', () => {
  const steps = fc.array(fc.record({ remote: fc.constantFrom('a', 'b', 'c'), come: fc.boolean() }))
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), (all, max) => {
      const { enter, leave } = gate(max)
      const counts: Record<string, number> = {}
      for (const { remote, come } of all) {
        const count = counts[remote] ?? 0
        if (come) {
          assert.equal(enter(remote) === undefined, count < max)
          counts[remote] = Math.min(max, count + 1)
        } else if (count > 0) {
          leave(remote)
          counts[remote] = count - 1
        }
      }
    }),
  )
})

test('large bodies share a room, of which one client has no more than a part; small ones always find some', () => {
  const { enter, leave, refused } = gate(100)
  const large = 4 * MIB
  for (const client of ['a', 'b', 'c', 'd']) {
    for (let i = 0; i < 4; i++) assert.equal(enter(client, 'POST', large), undefined)
    assert.equal(enter(client, 'POST', large)?.status, 503)
  }
  assert.match(String(enter('e', 'POST', large)?.body), /-32005.*too many large bodies, try again/)
  assert.equal(enter('e', 'POST', 60_000), undefined)
  assert.equal(enter('a', 'POST', 60_000), undefined)
  leave('a', 'POST', large)
  assert.equal(enter('e', 'POST', large), undefined)
  assert.ok(refused.every((reason) => reason === 'bodies'))
})

test('a body whose length is not said counts as the largest', () => {
  const made = createGate(
    { clientRequestsMax: 100, bodyBytesMax: 5 * MIB },
    { isShort: () => false, refused: () => {} },
  )
  const head = { method: 'POST', remote: 'a', headers: {} }
  const admitted = (): number => {
    let count = 0
    while (made.enter(head) === undefined) count++
    return count
  }
  assert.equal(admitted(), 3)
  for (let i = 0; i < 3; i++) made.left(head)
  assert.equal(admitted(), 3)
})
