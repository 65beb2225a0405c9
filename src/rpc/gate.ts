/**
 * The gate before the HTTP of replicas and gateways: what comes while memory is short, or over what one client (or all together) may have
 * under way, is refused before its body is read, with an answer that users' libraries try again. Pages for operators always pass.
 */
import { CODE, errorText } from './errors.ts'
import { json, RETRY_AFTER, type RpcHttpRequest, type RpcHttpResponse } from './http.ts'
import { rpcLimits } from './limits.ts'

type Head = Pick<RpcHttpRequest, 'method' | 'headers'> & { readonly remote: string }

/** Of every role that has a gate, for its table of options. */
export const gateOptions = {
  clientRequestsMax: {
    flag: 'client-in-flight-max',
    type: 'integer',
    default: '512',
    min: 1,
    max: 100_000,
    help: 'requests of one client (an IPv4 address, or an IPv6 network of 64 bits) at once; behind a proxy all are one client',
    over: 'refused with -32005 and 503',
  },
} as const

export interface RpcGate {
  enter(head: Head): RpcHttpResponse | undefined
  left(head: Head): void
}

export type GateReason = 'memory' | 'client' | 'bodies'

interface UnderWay {
  requests: number
  /** Of bodies that are not small. */
  bytes: number
}

const LARGE_BODY_BYTES = rpcLimits.largeBodyBytes.value
const LARGE_BODIES_BYTES_MAX = rpcLimits.largeBodiesBytesMax.value
const CLIENT_BODIES_BYTES_MAX = rpcLimits.clientLargeBodiesBytesMax.value

export function createGate(
  options: { readonly clientRequestsMax: number; readonly bodyBytesMax: number },
  parts: {
    /** Memory is short. */
    readonly isShort: () => boolean
    readonly refused: (reason: GateReason) => void
  },
): RpcGate {
  const clients = new Map<string, UnderWay>()
  let bytes = 0
  const refuse = (reason: GateReason, message: string): RpcHttpResponse => {
    parts.refused(reason)
    return json(503, errorText('null', { code: CODE.limit, message }), RETRY_AFTER)
  }
  const bytesOf = ({ headers }: Head): number => {
    const said = headers['content-length']
    const length = said === undefined ? options.bodyBytesMax : Math.min(Number(said), options.bodyBytesMax)
    return length > LARGE_BODY_BYTES ? length : 0
  }
  return {
    enter(head) {
      if (head.method !== 'POST') return undefined
      if (parts.isShort()) return refuse('memory', 'short of memory, try again')
      const name = clientOf(head.remote)
      let client = clients.get(name)
      if (client !== undefined && client.requests >= options.clientRequestsMax)
        return refuse(
          'client',
          `too many requests of one client (max ${options.clientRequestsMax}), try again`,
        )
      const length = bytesOf(head)
      const clientBytes = client?.bytes ?? 0
      if (length > 0 && clientBytes > 0 && clientBytes + length > CLIENT_BODIES_BYTES_MAX)
        return refuse('bodies', 'too many large bodies of one client, try again')
      if (length > 0 && bytes + length > LARGE_BODIES_BYTES_MAX)
        return refuse('bodies', 'too many large bodies, try again')
      if (client === undefined) {
        client = { requests: 0, bytes: 0 }
        clients.set(name, client)
      }
      client.requests++
      client.bytes += length
      bytes += length
      return undefined
    },
    left(head) {
      if (head.method !== 'POST') return
      const name = clientOf(head.remote)
      const client = clients.get(name)
      if (client === undefined) return
      const length = bytesOf(head)
      bytes -= length
      client.bytes -= length
      if (--client.requests === 0) clients.delete(name)
    },
  }
}

/** An IPv4 address, or the first 64 bits of an IPv6 one: whoever has one of those has all the others behind it. */
export function clientOf(remote: string): string {
  if (!remote.includes(':')) return remote
  const address = remote.replace(/%.*$/, '')
  const [left, right] = address.split('::') as [string, string?]
  const groups = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  // `::` stands for as many zeros as are missing; only the first four groups are of interest.
  const zeros = Array<string>(right === undefined ? 0 : Math.max(0, 8 - groups.length - after.length)).fill(
    '0',
  )
  return [...groups, ...zeros, ...after].slice(0, 4).join(':')
}
