/** `drover maintain` before a master that is away for a while, or whose answer is lost: where it was told to wait, it asks again. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { DroverProcess } from '#test/support/drover-process.ts'

const LEASE = '00000000000000a1'
const COMMAND = ['--', process.execPath, '-e', 'process.exit(3)']

/** Answers as a master that grants everything, after it has hung up on the first who ask, or answered them something else. */
async function withMaster(
  hangUps: number,
  use: (url: string, asked: readonly string[]) => Promise<void>,
  instead?: string,
): Promise<void> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (bytes) => (body += String(bytes)))
    request.on('end', () => {
      const wish = request.method === 'POST' ? (JSON.parse(body) as { do: string }).do : 'status'
      asked.push(wish)
      if (asked.length <= hangUps) {
        if (instead === undefined) request.socket.destroy()
        else response.end(instead)
        return
      }
      response.setHeader('content-type', 'application/json')
      const status = { master: 'm1', ready: true, open: [], masters: [] }
      response.end(JSON.stringify(wish === 'begin' ? { lease: LEASE } : status))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a master that hangs up is asked again while there is time', () =>
  withMaster(2, async (url, asked) => {
    const { code, output } = await DroverProcess.run('maintain', '--master', url, '--wait', '60s', ...COMMAND)
    assert.equal(code, 3, output)
    assert.match(output, /waiting: no master answers at/)
    assert.deepEqual(asked.slice(0, 3), ['begin', 'begin', 'begin'])
    assert.ok(asked.includes('end'))
  }))

test('without time to wait it is told at once, and nothing is done', () =>
  withMaster(1, async (url, asked) => {
    const { code, output } = await DroverProcess.run('maintain', '--master', url, ...COMMAND)
    assert.equal(code, 1, output)
    assert.match(output, /no master answers at .*maintain\/no-master/)
    assert.deepEqual(asked, ['begin'])
  }))

test('nothing is done under an answer that names no lease', () =>
  withMaster(
    1,
    async (url, asked) => {
      const { code, output } = await DroverProcess.run('maintain', '--master', url, ...COMMAND)
      assert.equal(code, 75, output)
      assert.match(output, /names no lease/)
      assert.deepEqual(asked, ['begin'])
    },
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}',
  ))
