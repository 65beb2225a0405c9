import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { fetchMasterPlaces } from './feed/master-place.ts'
import { renderMasters } from './status.ts'

test('the status says from where on each master needs the feed, who does not say it, and who was not asked', () => {
  const seen = ['m1', 'm2', 'm3']
  const rows = renderMasters([
    { kind: 'kept', url: 'http://a:1', id: 'm1', position: 41, seen },
    { kind: 'silent', url: 'http://b:1', why: 'HTTP 401' },
    { kind: 'kept', url: 'http://c:1', id: 'm3', position: 7, seen },
  ]).split('\n')
  assert.match(rows[0] ?? '', /^master +needs feed from +address$/)
  assert.match(rows[1] ?? '', /^m1 +42 +http:\/\/a:1$/)
  assert.match(rows[2] ?? '', /^– +– +http:\/\/b:1 does not say: HTTP 401$/)
  assert.match(rows[3] ?? '', /^m3 +8 +http:\/\/c:1$/)
  assert.match(rows[4] ?? '', /^m2 +– +none of these: --master names more$/)
  assert.deepEqual(rows.slice(5), [''])
})

test('a master that has not read the feed to its end says nothing of its checkpoint', async () => {
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ master: 'm1', ready: false, open: [], masters: [], aids: [] })),
  ).listen(0, '127.0.0.1')
  try {
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    assert.deepEqual(await fetchMasterPlaces([url], undefined), [
      { kind: 'silent', url, why: 'it has not read the feed to its end yet' },
    ])
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
