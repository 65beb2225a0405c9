/**
 * Heads of responses as text. Answers at one block carry the same fields again and again, so the last lines are kept and compared
 * instead of made again; only lines that are made are looked at for what would split a response (RFC 9110 §5.5).
 */
const PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}

export function phraseOf(status: number): string {
  return PHRASES[status] ?? 'Unknown'
}

export interface ResponseFacts {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bodyBytes: number
  /** What is said about the connection: nothing where HTTP/1.1 keeps it, as it does by itself. */
  readonly connection: 'close' | 'keep-alive' | undefined
  /** Seconds since 1970. Sent because RFC 9110 §6.6.1 asks it of a server with a clock; made once a second. */
  readonly dateSeconds: number
}

export type ResponseHeadWriter = (facts: ResponseFacts) => string

/** A writer throws where a header's name or value could not stand in a head. */
export function createResponseHeadWriter(): ResponseHeadWriter {
  let lines = ''
  let lastHeaders: Readonly<Record<string, string>> | undefined
  let names: string[] = []
  let values: string[] = []
  let dateSeconds = -1
  let dateLine = ''

  const sameAsLast = (headers: Readonly<Record<string, string>>): boolean => {
    if (headers === lastHeaders) return true
    let i = 0
    for (const name in headers) {
      if (names[i] !== name || values[i] !== headers[name]) return false
      i++
    }
    return i === names.length
  }

  return (facts) => {
    const { status, headers, bodyBytes, connection } = facts
    if (!sameAsLast(headers)) {
      names = [] // where a value is refused, nothing is kept
      lastHeaders = undefined
      lines = linesOf(headers)
      names = Object.keys(headers)
      values = Object.values(headers)
    }
    lastHeaders = headers
    if (facts.dateSeconds !== dateSeconds) {
      dateSeconds = facts.dateSeconds
      dateLine = `date: ${new Date(dateSeconds * 1_000).toUTCString()}\r\n`
    }
    const statusLine = status === 200 ? 'HTTP/1.1 200 OK\r\n' : `HTTP/1.1 ${status} ${phraseOf(status)}\r\n`
    const connectionLine = connection === undefined ? '' : `connection: ${connection}\r\n`
    const lengthLine = status === 204 || status === 304 ? '' : `content-length: ${bodyBytes}\r\n`
    return `${statusLine}${lines}${dateLine}${connectionLine}${lengthLine}\r\n`
  }
}

function linesOf(headers: Readonly<Record<string, string>>): string {
  let lines = ''
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new TypeError(`the header ${JSON.stringify(name)} cannot be sent: ${JSON.stringify(value)}`)
    lines += `${name}: ${value}\r\n`
  }
  return lines
}
