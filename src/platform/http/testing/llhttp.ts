/** Node's own HTTP parser as a witness: what it makes of the same bytes. */
import { createRequire } from 'node:module'

/** Of Node's internals, what is used here. */
interface Parser {
  initialize(type: number, resource: object, maxHeaderSize: number): void
  execute(bytes: Buffer): number | Error
  close(): void
  [event: number]: (...facts: never[]) => unknown
}
interface ParserKind {
  new (): Parser
  readonly REQUEST: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as { HTTPParser: ParserKind }

export interface Reading {
  /** It found no head, or an error in the bytes. */
  readonly refused: boolean
  readonly messages: number
  readonly body: string
  readonly keepAlive: boolean
  readonly upgrade: boolean
}

export function readByLlhttp(bytes: Buffer): Reading {
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.REQUEST, {}, 16_384)
  let heads = 0
  let messages = 0
  let body = ''
  let keepAlive = false
  let upgrade = false
  parser[HTTPParser.kOnHeaders | 0] = () => {}
  parser[HTTPParser.kOnHeadersComplete | 0] = (...facts: unknown[]) => {
    heads++
    upgrade = Boolean(facts[7])
    keepAlive = Boolean(facts[8])
    return 0
  }
  parser[HTTPParser.kOnBody | 0] = (part: Buffer) => {
    body += part.toString('latin1')
  }
  parser[HTTPParser.kOnMessageComplete | 0] = () => {
    messages++
  }
  const result = parser.execute(bytes)
  parser.close()
  return { refused: heads === 0 || result instanceof Error, messages, body, keepAlive, upgrade }
}
