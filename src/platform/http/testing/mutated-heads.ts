/** Request heads from a seed: assembled from fields that frame a request, then hit at random places with the bytes that parsers differ about. */
const METHODS = ['POST', 'POST', 'GET', 'OPTIONS', 'HEAD', 'PUT']
const TARGETS = ['/', '/', '/a?b=c', 'http://x/', '*']
const FIELDS = [
  ...[
    'Content-Length: 2',
    'Content-Length: 0',
    'content-length:2',
    'Content-Length: 02',
    'Content-Length: 100',
  ],
  ...['Transfer-Encoding: chunked', 'transfer-encoding:chunked', 'Transfer-Encoding: gzip, chunked'],
  ...['Connection: close', 'Connection: keep-alive', 'connection: Upgrade', 'Connection: close, keep-alive'],
  ...[
    'Upgrade: websocket',
    'Expect: 100-continue',
    'X: y',
    'X-Head: 1:0x2',
    'Host: y',
    'Accept: */*',
    'Cookie: a=b',
  ],
]
const STRANGE = [
  ...['\r', '\n', '\0', ' ', '\t', ':', ',', ';', '\x0b', '\x7f', '\xff', 'A', '0', '+', '-', '"', '\\', '('],
  ...['\r\n', '\n\r', '\r\n ', '\r\n\r\n'],
]

/** @returns a function that gives the next head, ending in its empty line unless a mutation took it */
export function headsFrom(seed: number): () => Buffer {
  let state = seed >>> 0
  const below = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 4_294_967_296) * n)
  }
  const one = (from: readonly string[]): string => from[below(from.length)] as string
  return () => {
    let text = `${one(METHODS)} ${one(TARGETS)} HTTP/1.${below(6) === 0 ? 0 : 1}\r\nHost: x\r\n`
    for (let i = below(4); i > 0; i--) text += `${one(FIELDS)}\r\n`
    for (let i = below(3); i > 0; i--) {
      const at = below(text.length)
      text = text.slice(0, at) + one(STRANGE) + text.slice(at + below(2))
    }
    return Buffer.from(`${text}\r\n`, 'latin1')
  }
}
