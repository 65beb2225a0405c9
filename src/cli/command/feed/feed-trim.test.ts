import assert from 'node:assert/strict'
import test from 'node:test'
import type { GatewayStatus, ReplicaLine } from '#roles/gateway/status.ts'
import { whyNotTrim } from './feed-trim.ts'
import { fetchMasterPlaces, type MasterPlace } from './master-place.ts'

const replica = (id: string, position: number | null): ReplicaLine => ({
  ...{ address: id, id, phase: position === null ? 'away' : 'ready', position },
  ...{ head: position, lag: 0, inFlight: 0, streams: 1, routable: true },
  ...{ feedFirst: 0, feedCoverSeconds: null },
})
const status = (...replicas: readonly ReplicaLine[]): GatewayStatus => ({
  ...{ cluster: 'c', chainId: 1, generation: 1, head: null, safe: null, finalized: null, verified: null },
  ...{ replicas, requests: 0, inFlight: 0, requestsPerSecond: 0, pendingTransactions: 0 },
})
const master = (id: string, needsFrom: number, seen = [id]): MasterPlace => ({
  ...{ kind: 'kept', url: `http://${id}`, id, needsFrom, seen },
})
const SAID = { retainWithoutBase: true, replicasToo: false, mastersToo: true }
const why = (before: number, statuses: readonly GatewayStatus[], said = SAID) =>
  whyNotTrim(before, { statuses, masters: [] }, said) ?? 'may'
const MASTERS_ALONE = { retainWithoutBase: true, replicasToo: true, mastersToo: false }
const whyMasters = (before: number, ...masters: readonly MasterPlace[]) =>
  whyNotTrim(before, { statuses: [], masters }, MASTERS_ALONE) ?? 'may'

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
  assert.match(why(10, [], { ...SAID, retainWithoutBase: false, replicasToo: true }), /--retain-without-base/)
})

test('a feed is trimmed no further than the checkpoint of the master that has kept least', () => {
  const both = ['m1', 'm2']
  assert.equal(whyMasters(99, master('m1', 200, both), master('m2', 99, both)), 'may')
  assert.match(
    whyMasters(100, master('m1', 200, both), master('m2', 99, both)),
    /m2 would need .* 99 on .*than 99,/,
  )
})

test('where nobody knows what a master has kept nothing is trimmed, unless it may be lost', () => {
  assert.match(whyMasters(10), /name their forward ports with --master/)
  assert.match(whyMasters(10, master('m1', 200, ['m1', 'm2'])), /m2 is a master of this feed/)
  const known = { statuses: [], masters: [] }
  assert.equal(whyNotTrim(10, known, { ...MASTERS_ALONE, mastersToo: true }), undefined)
})

test('a master that is away is named, with what can be done', async () => {
  const away = await fetchMasterPlaces(['http://127.0.0.1:1'], undefined)
  assert.match(
    whyMasters(10, master('m1', 200, ['m1', 'm2']), ...away),
    /127\.0\.0\.1:1 does not say where it stands.*--masters-too/,
  )
})
