/** HTTP byte by byte, for tests that send what no library would, and look at what comes back as it is. */
import { connect, type Socket } from 'node:net'

export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface RawConversation {
  readonly socket: Socket
  send(bytes: string | Uint8Array): void
  /** Resolves when `count` responses (100 Continue counts) are there whole. @throws where the connection ends before */
  responses(count: number): Promise<readonly RawResponse[]>
  /** Resolves with all responses when the server has ended the connection. */
  ended(): Promise<readonly RawResponse[]>
  close(): void
}

const WAIT_MS = 20_000
const EMPTY_CHUNKS = '0\r\n\r\n'

/** @param bodiless the answers carry no body, as those to HEAD */
export function converse(port: number, { bodiless = false } = {}): RawConversation {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  let received = ''
  let isEnded = false
  let look = (): void => {}
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1')
    look()
  })
  socket.on('error', () => {}) // a reset is an end too
  const end = (): void => {
    isEnded = true
    look()
  }
  socket.on('end', end)
  socket.on('close', end)

  const until = (done: (responses: readonly RawResponse[]) => boolean): Promise<readonly RawResponse[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly RawResponse[]>()
    const late = setTimeout(() => reject(new Error(`waited in vain; received: ${received}`)), WAIT_MS)
    look = () => {
      const responses = parseResponses(received, bodiless)
      if (done(responses)) resolve(responses)
      else if (isEnded) reject(new Error(`the connection ended; received: ${received}`))
    }
    look()
    return promise.finally(() => clearTimeout(late))
  }
  return {
    socket,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    responses: (count) => until((responses) => responses.length >= count),
    ended: () => until(() => isEnded),
    close: () => void socket.destroy(),
  }
}

/** Those that are there whole. */
export function parseResponses(text: string, bodiless = false): readonly RawResponse[] {
  const responses: RawResponse[] = []
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) return responses
    const [line = '', ...fields] = text.slice(at, end).split('\r\n')
    const headers = Object.fromEntries(
      fields.map((field) => [
        field.slice(0, field.indexOf(':')).toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    )
    // Node refuses with an empty body in chunks: of those only the last, which is all there is.
    const chunked = headers['transfer-encoding'] === 'chunked'
    const length = bodiless ? 0 : chunked ? EMPTY_CHUNKS.length : Number(headers['content-length'] ?? 0)
    const body = text.slice(end + 4, end + 4 + length)
    if (body.length < length) return responses
    responses.push({ status: Number(line.split(' ')[1]), headers, body })
    at = end + 4 + length
  }
}
