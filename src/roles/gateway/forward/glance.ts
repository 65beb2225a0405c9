/**
 * Most bodies are for replicas as a whole, and a replica reads each of them again: a glance at the names of their methods is enough to
 * send one on unread. A glance may be wrong (a name may be written with escapes, or stand in an argument): what it says is believed only
 * where the replica's answer agrees with it, which was made from the whole body; else the body is read here too.
 */
import { utf8 } from '#kernel/bytes.ts'
import { METHODS } from '#rpc/method-table.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'

/** A longer body is read at once, so that what is refused does not travel. */
const BODY_BYTES_MAX = gatewayLimits.glanceBytesMax.value

/** Calls that are all for replicas, it seems. */
export interface Glance {
  readonly kind: 'glance'
  readonly body: Uint8Array
  readonly batch: boolean
  readonly count: number
}

/** Undefined where something is, or may be, for others than replicas. */
export function glanceAt(body: Uint8Array): Glance | undefined {
  if (body.length > BODY_BYTES_MAX) return undefined
  const first = body[0]
  const batch = first === BRACKET
  if (!batch && first !== BRACE) return undefined
  let count = 0
  for (let at = nextName(body, 0); at < body.length; at = nextName(body, at)) {
    let hash = 0
    for (; at < body.length && body[at] !== QUOTE; at++) hash = hashWith(hash, body[at] as number)
    if (!REPLICA_METHODS.has(hash)) return undefined
    count++
    if (!batch) break // what else is in it, the replica sees
  }
  return count === 0 ? undefined : { kind: 'glance', body, batch, count }
}

const QUOTE = '"'.charCodeAt(0)
const COLON = ':'.charCodeAt(0)
const SPACE = ' '.charCodeAt(0)
const BRACE = '{'.charCodeAt(0)
const BRACKET = '['.charCodeAt(0)
const KEY = utf8('"method"')
/** By the byte under the key's last one: how far the key moves on (Horspool 1980). */
const MOVES = new Uint8Array(256).fill(KEY.length)
KEY.subarray(0, -1).forEach((byte, i) => (MOVES[byte] = KEY.length - 1 - i))

/** Where the value of the next member begins that is a method's name; the body's length where there is none. */
function nextName(body: Uint8Array, from: number): number {
  const last = KEY.length - 1
  for (let end = from + last; end < body.length; end += MOVES[body[end] as number] as number) {
    if (body[end] !== QUOTE || !isKey(body, end - last)) continue
    let next = end + 1
    if (body[next++] !== COLON) continue
    if (body[next] === SPACE) next++
    if (body[next] === QUOTE) return next + 1
  }
  return body.length
}

function isKey(body: Uint8Array, at: number): boolean {
  for (let i = 0; i < KEY.length; i++) if (body[at + i] !== KEY[i]) return false
  return true
}

/** Two names of one hash would cost a way to a replica, no more. */
const REPLICA_METHODS: ReadonlySet<number> = new Set(
  Object.entries(METHODS).flatMap(([name, where]) =>
    where === 'replica' ? [utf8(name).reduce(hashWith, 0)] : [],
  ),
)

function hashWith(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0
}
