/** Asks one server for its block number over one open connection, and only while a block is on its way. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const BODY = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
/** Between two questions: what is measured is known to about as much. */
const ASK_EVERY_MS = 1
const REACH_MS_MAX = 10_000

export interface HeadProbe {
  /** When the server's answer had this number for the first time. */
  reached(number: number): Promise<number>
  close(): void
}

export function openHeadProbe(url: string): HeadProbe {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const headers = { 'content-type': 'application/json', 'content-length': BODY.length }
    const asked = request(url, { agent, method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(Number((JSON.parse(text) as { result?: string }).result ?? -1)))
    })
    asked.on('error', reject)
    asked.end(BODY)
    return promise
  }
  return {
    async reached(number) {
      for (const end = performance.now() + REACH_MS_MAX; performance.now() < end; await sleep(ASK_EVERY_MS))
        if ((await ask()) >= number) return performance.now()
      throw new Error(`${url} did not serve block ${number} in ${REACH_MS_MAX} ms`)
    },
    close: () => agent.destroy(),
  }
}
