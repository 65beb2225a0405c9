import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { fetchMasterPlaces, type MasterPlace } from './feed/master-place.ts'
import { renderMasters } from './status.ts'

test('the status says from where on each master needs the feed, who does not say it, and who was not asked', () => {
  const seen = ['m1', 'm2', 'm3']
  const rows = renderMasters([
    { kind: 'kept', url: 'http://a:1', id: 'm1', needsFrom: 42, seen },
    { kind: 'silent', url: 'http://b:1', why: 'HTTP 401' },
    { kind: 'kept', url: 'http://c:1', id: 'm3', needsFrom: 8, seen },
  ]).split('\n')
  assert.match(rows[0] ?? '', /^master +needs feed from +address$/)
  assert.match(rows[1] ?? '', /^m1 +42 +http:\/\/a:1$/)
  assert.match(rows[2] ?? '', /^– +– +http:\/\/b:1 does not say: HTTP 401$/)
  assert.match(rows[3] ?? '', /^m3 +8 +http:\/\/c:1$/)
  assert.match(rows[4] ?? '', /^m2 +– +none of these: --master names more$/)
  assert.deepEqual(rows.slice(5), [''])
})

test('what a master needs follows its checkpoint; one that has kept nothing needs all of the feed', async () => {
  for (const [metric, needsFrom] of [
    [318, 319],
    [0, 0],
  ] as const) {
    const status = { master: 'm1', ready: true, open: [], masters: [], aids: [] }
    const server = createServer(({ url }, response) =>
      response.end(
        url === '/metrics' ? `drover_master_checkpoint_position ${metric}\n` : JSON.stringify(status),
      ),
    ).listen(0, '127.0.0.1')
    const [place] = await placesAt(server)
    assert.deepEqual(place?.kind === 'kept' && [place.id, place.needsFrom], ['m1', needsFrom])
  }
})

test('a master that has not read the feed to its end says nothing of its checkpoint', async () => {
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ master: 'm1', ready: false, open: [], masters: [], aids: [] })),
  ).listen(0, '127.0.0.1')
  const [place] = await placesAt(server)
  assert.equal(place?.kind === 'silent' && place.why, 'it has not read the feed to its end yet')
})

async function placesAt(server: Server): Promise<readonly MasterPlace[]> {
  try {
    await once(server, 'listening')
    return await fetchMasterPlaces([`http://127.0.0.1:${(server.address() as AddressInfo).port}`], undefined)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
