/** HTTP/1.1 over a plain socket: requests in a pipeline, so that a million of them are a matter of minutes. */
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** The server said with an answer that it is the connection's last (RFC 9112 §9.6): what was sent behind it was not taken, and may be sent again. */
export class LastAnswered extends Error {}

export interface RawConnection {
  /** Rejects where the connection ends first, with LastAnswered where that was said. */
  post(body: Uint8Array, contentType: string): Promise<RawAnswer>
  close(): void
}

const HEAD_END = Buffer.from('\r\n\r\n')

export async function openRaw(port: number, localAddress = '127.0.0.1'): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  socket.setNoDelay(true)
  const waiting: PromiseWithResolvers<RawAnswer>[] = []
  let isLast = false
  const inbox = createInbox((answer, last) => {
    waiting.shift()?.resolve(answer)
    isLast ||= last
    if (isLast) socket.destroy()
  })
  const ending = (): Error => (isLast ? new LastAnswered() : new Error('the connection ended'))
  const fail = (): void => {
    for (const one of waiting.splice(0)) one.reject(ending())
  }
  socket.on('error', fail)
  socket.on('close', fail)
  socket.on('data', inbox)
  return {
    post(body, contentType) {
      const one = Promise.withResolvers<RawAnswer>()
      if (socket.destroyed) return Promise.reject(ending())
      waiting.push(one)
      writePost(socket, body, contentType)
      return one.promise
    },
    close: () => socket.destroy(),
  }
}

function writePost(socket: Socket, body: Uint8Array, contentType: string): void {
  socket.cork()
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  socket.write(body)
  socket.uncork()
}

/** Answers out of what comes. The parts of a long one are joined once: whoever joins them each time reads slower than a server writes. */
function createInbox(deliver: (answer: RawAnswer, last: boolean) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = []
  let held = 0
  /** Of the answer that is on its way, with its head; before that is known, any byte may complete the head. */
  let wanted = 0
  return (bytes) => {
    parts.push(bytes)
    held += bytes.length
    if (held < wanted) return
    let rest = Buffer.concat(parts, held)
    for (let found = takeAnswer(rest); ; found = takeAnswer(rest)) {
      if (typeof found === 'number') {
        wanted = found
        break
      }
      rest = rest.subarray(found.end)
      deliver(found.answer, found.last)
    }
    parts = [rest]
    held = rest.length
  }
}

/** The first answer, or how many bytes it takes; 0 while that is not known. */
function takeAnswer(bytes: Buffer): { answer: RawAnswer; last: boolean; end: number } | number {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return 0
  const head = bytes.toString('latin1', 0, headEnd)
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  const from = headEnd + HEAD_END.length
  if (bytes.length < from + length) return from + length
  return {
    answer: {
      status: Number(head.slice(9, 12)),
      contentType: /\r\ncontent-type: *([^\r]*)/i.exec(head)?.[1] ?? '',
      body: bytes.toString('utf8', from, from + length),
    },
    last: /\r\nconnection: *close/i.test(head),
    end: from + length,
  }
}

const HEADS: readonly string[] = [
  'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n[1,2]',
  'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n0\r\n\r\n',
  'GET /ready HTTP/1.1\r\nHost: x\r\nX-Min-Block: 1\r\nConnection: keep-alive\r\n\r\n',
  'OPTIONS * HTTP/1.0\r\nAccept: */*\r\n\r\n',
  `GET /${'a'.repeat(3_000)} HTTP/1.1\r\nHost: x\r\nCookie: ${'b'.repeat(20_000)}\r\n\r\n`,
]
const STRANGE_BYTES = [0, 9, 10, 13, 32, 58, 59, 127, 128, 255]
/** Who waits for the rest of a head would wait long: half of it is an attack too. */
const PATIENCE_MS = 30

/** Sends a head with bytes changed, left out or doubled; resolves with the status that came, 0 where none did. */
export async function sendMutatedHead(port: number, random: () => number): Promise<number> {
  const bytes = [...Buffer.from(HEADS[Math.floor(random() * HEADS.length)] as string)]
  for (let i = 1 + Math.floor(random() * 6); i > 0; i--) {
    const at = Math.floor(random() * bytes.length)
    const byte = STRANGE_BYTES[Math.floor(random() * STRANGE_BYTES.length)] as number
    const kind = random()
    bytes.splice(at, kind < 0.7 ? 1 : 0, ...(kind < 0.35 || kind >= 0.7 ? [byte] : []))
  }
  const socket = connect({ port, host: '127.0.0.1' })
  const { promise, resolve } = Promise.withResolvers<number>()
  let said = ''
  const timer = setTimeout(() => resolve(0), PATIENCE_MS)
  socket.on('error', () => resolve(0))
  socket.on('close', () => resolve(0))
  socket.on('data', (part: Buffer) => {
    said += part.toString('latin1')
    if (said.length >= 12) resolve(/^HTTP\/1\.[01] \d{3}/.test(said) ? Number(said.slice(9, 12)) : -1)
  })
  socket.write(Uint8Array.from(bytes))
  const status = await promise
  clearTimeout(timer)
  socket.destroy()
  return status
}
