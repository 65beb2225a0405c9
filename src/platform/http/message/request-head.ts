/**
 * The head of an HTTP/1.1 request, read strictly: what two parsers could read differently is refused, never guessed (RFC 9112 §2.2, §5,
 * §6.3, §11.2). Between a proxy and us there must be no second opinion about where a request ends.
 */
import type { HttpLimits } from '#platform/http/limits.ts'

export interface RequestHead {
  readonly method: string
  /** Path with query; of an absolute target only this part (RFC 9112 §3.2.2). */
  readonly target: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Content-length, or 0 where there is none. */
  readonly length: number
  readonly chunked: boolean
  readonly keepAlive: boolean
  readonly minorVersion: 0 | 1
  readonly expectsContinue: boolean
}

const SPACE = 32
const TAB = 9
const CR = 13
const LF = 10
const COLON = 58

const TOKEN = 1
const VALUE = 2
const TARGET = 4
/** What each byte may be part of. */
const classes = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character) ? TOKEN : 0
  const value = byte === TAB || (byte >= SPACE && byte !== 127) ? VALUE : 0
  return token | value | (byte > SPACE && byte < 127 ? TARGET : 0)
})

/** Others are refused here; which of these a target answers is its handler's business. */
const METHODS = ['POST', 'GET', 'OPTIONS', 'HEAD', 'PUT', 'DELETE', 'PATCH']

/** Fields whose second copy would be a second opinion. Others are joined as a list. */
const SINGLE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'expect',
  'content-type',
  'authorization',
  'origin',
  'x-min-block',
  'x-head',
])

/** Names that most requests have, so that no text is made for them. */
const COMMON = [
  ...SINGLE,
  'connection',
  'accept',
  'accept-encoding',
  'accept-language',
  'user-agent',
  'cookie',
]
const commonByLength: readonly (readonly { readonly name: string; readonly bytes: Uint8Array }[])[] =
  Array.from({ length: 24 }, (_, length) =>
    COMMON.filter((name) => name.length === length).map((name) => ({
      name,
      bytes: Buffer.from(name, 'latin1'),
    })),
  )

/**
 * @param end where the head's closing CR LF CR LF begins
 * @returns the head, or the status of the refusal
 */
export function readRequestHead(
  bytes: Buffer,
  from: number,
  end: number,
  limits: Pick<HttpLimits, 'headersMax'>,
): RequestHead | number {
  const line = readRequestLine(bytes, from)
  if (typeof line === 'number') return line
  const headers = readHeaders(bytes, line.next, end, limits.headersMax)
  return typeof headers === 'number' ? headers : readFraming(line, headers)
}

interface RequestLine {
  readonly method: string
  readonly target: string
  readonly minorVersion: 0 | 1
  readonly next: number
}

function readRequestLine(bytes: Buffer, from: number): RequestLine | number {
  let at = from
  while (is(bytes[at], TOKEN)) at++
  if (at === from || bytes[at] !== SPACE) return 400
  const word = bytes.toString('latin1', from, at)
  const method = METHODS.find((known) => known === word)
  const targetAt = ++at
  while (is(bytes[at], TARGET)) at++
  if (at === targetAt || bytes[at] !== SPACE) return 400
  const wanted = bytes.toString('latin1', targetAt, at)
  const version = bytes.toString('latin1', at + 1, at + 11)
  if (!/^HTTP\/\d\.\d\r\n$/.test(version)) return 400
  if (version[5] !== '1' || (version[7] !== '1' && version[7] !== '0')) return 505
  if (method === undefined) return 501
  const target = originForm(wanted, method)
  if (target === undefined) return 400
  return { method, target, minorVersion: version[7] === '1' ? 1 : 0, next: at + 11 }
}

/** The path and query of a target; undefined where it has none. */
export function originForm(target: string, method: string): string | undefined {
  if (target.startsWith('/')) return target
  if (target === '*') return method === 'OPTIONS' ? target : undefined
  const absolute = /^https?:\/\/[\w.\-~:[\]]+((?:[/?].*)?)$/i.exec(target)
  if (absolute === null) return undefined
  const rest = absolute[1] as string
  return rest.startsWith('/') ? rest : `/${rest}`
}

type Headers = Record<string, string | undefined>

function readHeaders(bytes: Buffer, from: number, end: number, headersMax: number): Headers | number {
  const headers: Headers = Object.create(null)
  let count = 0
  let at = from
  while (at < end) {
    const nameAt = at
    while (is(bytes[at], TOKEN)) at++
    // No name, a space before the colon, or a line that continues the one before.
    if (at === nameAt || bytes[at] !== COLON) return 400
    if (++count > headersMax) return 431
    const name = nameOf(bytes, nameAt, at)
    at++
    while (isBlank(bytes[at])) at++
    const valueAt = at
    while (is(bytes[at], VALUE)) at++
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return 400 // a bare CR or LF, NUL, or another control
    let valueEnd = at
    while (valueEnd > valueAt && isBlank(bytes[valueEnd - 1])) valueEnd--
    if (valueEnd < at && name === 'transfer-encoding') return 400 // some parsers take the blank for a part of the coding
    const value = bytes.toString('latin1', valueAt, valueEnd)
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (SINGLE.has(name)) return 400
    else headers[name] = name === 'cookie' ? `${before}; ${value}` : `${before}, ${value}`
    at += 2
  }
  return headers
}

function nameOf(bytes: Buffer, from: number, to: number): string {
  const length = to - from
  next: for (const { name, bytes: common } of commonByLength[length] ?? []) {
    for (let i = 0; i < length; i++) if (((bytes[from + i] as number) | 32) !== common[i]) continue next
    return name
  }
  return bytes.toString('latin1', from, to).toLowerCase()
}

/** Where the request ends and whether another may follow: RFC 9112 §6.3, §9.3. */
function readFraming(line: RequestLine, headers: Headers): RequestHead | number {
  const { method, target, minorVersion } = line
  if (minorVersion === 1 && headers['host'] === undefined) return 400
  const coding = headers['transfer-encoding']
  const lengthText = headers['content-length']
  if (coding !== undefined && (minorVersion === 0 || lengthText !== undefined)) return 400
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 501
  // Twelve digits are more than any limit, and exact as a number.
  if (lengthText !== undefined && !/^\d{1,12}$/.test(lengthText)) return 400
  const expect = headers['expect']
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return 417
  return {
    method,
    target,
    headers,
    length: lengthText === undefined ? 0 : Number(lengthText),
    chunked: coding !== undefined,
    keepAlive: staysOpen(headers['connection'], minorVersion),
    minorVersion,
    expectsContinue: expect !== undefined && minorVersion === 1,
  }
}

function staysOpen(connection: string | undefined, minorVersion: 0 | 1): boolean {
  if (connection === undefined) return minorVersion === 1
  const said = connection
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
  return !said.includes('close') && (minorVersion === 1 || said.includes('keep-alive'))
}

function is(byte: number | undefined, kind: number): boolean {
  return byte !== undefined && ((classes[byte] as number) & kind) !== 0
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}
