/** Entry of the process that makes load: raw sockets, one request in flight on each, answers counted and looked at but not parsed. */
import { connect, type Socket } from 'node:net'
import type { LoadNews, LoadOrder, LoadReport } from './load.ts'

/** Latencies kept; of a longer run, those of its beginning. */
const LATENCIES_MAX = 2_000_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024
const FAILURE_TEXT_MAX = 300

const HEAD_END = Buffer.from('\r\n\r\n')
const CHUNKS_END = Buffer.from('0\r\n\r\n')
const RESULT = Buffer.from('"result"')

process.on('message', (order: LoadOrder) => {
  const tell = (news: LoadNews): void => void process.send?.(news)
  run(order).then(
    (report) => tell({ kind: 'done', report }),
    (thrown: unknown) => tell({ kind: 'failed', message: String(thrown) }),
  )
})
process.on('disconnect', () => process.exit(0))

async function run(order: LoadOrder): Promise<LoadReport> {
  const requests = order.bodies.map((body) => render(order, body))
  const sockets = await Promise.all(
    Array.from({ length: order.connections }, () => open(order.host, order.port)),
  )
  try {
    return await exchange(order, requests, sockets)
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

function exchange(
  { until }: LoadOrder,
  requests: readonly Buffer[],
  sockets: readonly Socket[],
): Promise<LoadReport> {
  const { promise, resolve, reject } = Promise.withResolvers<LoadReport>()
  const latenciesMs: number[] = []
  const startMs = performance.now()
  const endMs = 'seconds' in until ? startMs + until.seconds * 1_000 : Number.POSITIVE_INFINITY
  const requestsMax = 'requests' in until ? until.requests : Number.POSITIVE_INFINITY
  let sent = 0
  let answered = 0
  let answerBytes = 0
  let failures = 0
  let firstFailure: string | undefined

  const finish = (): void => {
    latenciesMs.sort((a, b) => a - b)
    const at = (share: number): number =>
      latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0
    const seconds = (performance.now() - startMs) / 1_000
    const counted = { requests: answered, failures, ...(firstFailure !== undefined && { firstFailure }) }
    resolve({ ...counted, seconds, answerBytes, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) })
  }

  const converse = (socket: Socket): void => {
    let sentMs = 0
    let pending: Buffer | undefined
    const next = (nowMs: number): void => {
      if (nowMs >= endMs || sent >= requestsMax) {
        if (answered === sent) finish()
        return
      }
      sentMs = nowMs
      socket.write(requests[sent++ % requests.length] as Buffer)
    }
    socket.on('data', (bytes: Buffer) => {
      const all: Buffer = pending === undefined ? bytes : Buffer.concat([pending, bytes])
      if (all.length > ANSWER_BYTES_MAX) return reject(new Error('an answer is over 256 MiB'))
      if (!isWhole(all)) {
        pending = all
        return
      }
      pending = undefined
      answered++
      answerBytes += all.length
      if (!isResult(all)) {
        failures++
        firstFailure ??= all.toString('latin1', 0, FAILURE_TEXT_MAX)
      }
      const nowMs = performance.now()
      if (latenciesMs.length < LATENCIES_MAX) latenciesMs.push(nowMs - sentMs)
      next(nowMs)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server ended a connection')))
    next(startMs)
  }
  for (const socket of sockets) converse(socket)
  return promise
}

function isWhole(answer: Buffer): boolean {
  const headEnd = answer.indexOf(HEAD_END)
  if (headEnd < 0) return false
  const head = answer.toString('latin1', 0, headEnd)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return answer.length >= headEnd + 4 + Number(length)
  return answer.subarray(-CHUNKS_END.length).equals(CHUNKS_END)
}

function isResult(answer: Buffer): boolean {
  return answer.toString('latin1', 9, 12) === '200' && answer.includes(RESULT)
}

function render({ host, port, headerLines = [] }: LoadOrder, body: string): Buffer {
  const bytes = Buffer.from(body)
  const lines = [
    'POST / HTTP/1.1',
    `host: ${host}:${port}`,
    'content-type: application/json',
    `content-length: ${bytes.length}`,
    ...headerLines,
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes])
}

function open(host: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect({ host, port, noDelay: true })
  socket.once('error', reject)
  socket.once('connect', () => {
    socket.off('error', reject)
    resolve(socket)
  })
  return promise
}
