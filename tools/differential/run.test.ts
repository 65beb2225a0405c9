import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createPrng } from '#kernel/prng.ts'
import { DEVIATIONS } from './deviations.ts'
import type { Facts } from './facts.ts'
import { Fields, jsonText, Raw } from './json-text.ts'
import { randomRequest, requestText } from './requests.ts'
import { runDifferential } from './run.ts'
import { shrunk } from './shrink.ts'

const facts: Facts = {
  blocks: [`0x${'b0'.repeat(32)}`, `0x${'b1'.repeat(32)}`],
  sides: [],
  transactions: [`0x${'70'.repeat(32)}`],
  addresses: [`0x${'a0'.repeat(20)}`],
  contracts: [`0x${'a1'.repeat(20)}`],
  topics: [`0x${'10'.repeat(32)}`],
  callData: ['0x70a08231'],
}
const REQUESTS = 400
const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
})

/** A node that answers every request alike, but for what `change` makes of some. */
async function node(
  change: (request: string, answer: object) => object = (_, answer) => answer,
): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => (body += text))
    request.on('end', () =>
      response.end(JSON.stringify(change(body, { jsonrpc: '2.0', id: 1, result: { hash: '0x1' } }))),
    )
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('nodes that answer alike do not differ', async () => {
  const urls = { geth: await node(), replica: await node(), gateway: await node() }
  const report = await runDifferential({ requests: REQUESTS, seed: 1, urls, facts }, (line) =>
    assert.fail(line),
  )
  assert.deepEqual([report.asked, report.different, report.allowed.size], [REQUESTS, 0, 0])
})

test('one other answer is found, made small and told with a command that repeats it', async () => {
  const wrong = (request: string, answer: object): object =>
    request.includes('eth_getBalance') && request.includes('latest') ? { ...answer, result: '0x2' } : answer
  const urls = { geth: await node(), replica: await node(wrong), gateway: await node(wrong) }
  const said: string[] = []
  const report = await runDifferential({ requests: REQUESTS, seed: 1, urls, facts }, (line) =>
    said.push(line),
  )
  assert.ok(report.different > 0)
  assert.match(said[0] ?? '', /by the (replica|gateway): result: expected \{"hash":"0x1"\}, got "0x2"/)
  assert.match(said[0] ?? '', /curl -s \$u .*"method":"eth_getBalance","params":\[\{?"?.*latest/)
})

test('other words of an error are a difference', async () => {
  const refused = (message: string) => () => ({ jsonrpc: '2.0', id: 1, error: { code: -32_000, message } })
  const urls = {
    geth: await node(refused('a')),
    replica: await node(refused('b')),
    gateway: await node(refused('b')),
  }
  const report = await runDifferential({ requests: 10, seed: 1, urls, facts }, () => {})
  assert.equal(report.different + [...report.allowed.values()].reduce((sum, n) => sum + n, 0), 10)
  assert.ok(report.different > 5)
})

test('a request becomes as small as what is wrong with it', async () => {
  const request = {
    method: 'm',
    params: [
      1,
      new Fields([
        ['a', [1, 2, 'x']],
        ['b', { c: 1 }],
      ]),
      new Raw('1e1'),
    ],
  }
  const small = await shrunk(request, async ({ params }) => jsonText(params).includes('"x"'))
  assert.equal(jsonText(small.params), '[{"a":["x"]}]')
})

test('the same seed asks the same, and every request is JSON', () => {
  const drawn = (): string[] =>
    Array.from({ length: 2_000 }, (_, i) => requestText(randomRequest({ prng: createPrng(`7/${i}`), facts })))
  const texts = drawn()
  assert.deepEqual(drawn(), texts)
  for (const text of texts) JSON.parse(text)
})

test('whatever differs on purpose is told in docs/errors.md', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  for (const name of Object.keys(DEVIATIONS)) assert.ok(page.includes(`| \`${name}\` |`), name)
})
