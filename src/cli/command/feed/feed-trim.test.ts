import assert from 'node:assert/strict'
import test from 'node:test'
import type { GatewayStatus, ReplicaLine } from '#roles/gateway/status.ts'
import { whyNotTrim } from './feed-trim.ts'

const replica = (id: string, position: number | null): ReplicaLine => ({
  ...{ address: id, id, phase: position === null ? 'away' : 'ready', position },
  ...{ head: position, lag: 0, inFlight: 0, streams: 1, routable: true },
  ...{ feedFirst: 0, feedCoverSeconds: null },
})
const status = (...replicas: readonly ReplicaLine[]): GatewayStatus => ({
  ...{ cluster: 'c', chainId: 1, generation: 1, head: null, safe: null, finalized: null, verified: null },
  ...{ replicas, requests: 0, inFlight: 0, requestsPerSecond: 0, pendingTransactions: 0 },
})
const SAID = { retainWithoutBase: true, replicasToo: false }
const why = (before: number, statuses: readonly GatewayStatus[], said = SAID) =>
  whyNotTrim(before, statuses, said) ?? 'may'

test('a feed is trimmed no further than the replica that stands lowest, whichever gateway knows it', () => {
  const known = [status(replica('r1', 200), replica('r2', 150)), status(replica('r3', 99))]
  assert.equal(why(100, known), 'may')
  assert.match(why(101, known), /r3 stands at 99 .*no further than 100/)
  assert.match(why(152, known.slice(0, 1)), /r2 stands at 150/)
})

test('where nobody knows where a replica stands nothing is trimmed, unless it may be lost', () => {
  const away = [status(replica('r1', 200), replica('r2', null))]
  assert.match(why(10, away), /r2 is away/)
  assert.match(why(10, []), /name the gateways/)
  assert.equal(why(10, away, { ...SAID, replicasToo: true }), 'may')
  assert.match(why(10, [], { retainWithoutBase: false, replicasToo: true }), /--retain-without-base/)
})
