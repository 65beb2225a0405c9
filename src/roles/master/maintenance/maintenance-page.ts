/** What operators' tools ask of a master beside JSON-RPC: POST /maintenance begins, ends or releases a lease, GET says who stalls and who serves. */
import { fromUtf8 } from '#kernel/bytes.ts'
import type { HttpRequest, HttpResponse } from '#ports/net/http.ts'
import { leaseText } from '#protocol/feed/frames/records.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { Maintenance, MaintenanceWish } from './maintenance.ts'

const PATH = '/maintenance'
const REASON_CHARACTERS_MAX = 200
const OTHERS_MAX = 64
const ALARM_MS_MAX = masterLimits.maintenanceAlarmTimeMaxMs.value
const LEASE = /^[0-9a-f]{16}$/

type Wish =
  | ({ readonly do: 'begin' } & MaintenanceWish)
  | { readonly do: 'end' }
  | { readonly do: 'release'; readonly lease: bigint }

/** Undefined where the request is for somebody else. @param maintenance undefined while the master is starting */
export function maintenancePage(
  request: HttpRequest,
  maintenance: Maintenance | undefined,
): HttpResponse | Promise<HttpResponse> | undefined {
  if (request.target.split('?')[0] !== PATH) return undefined
  if (maintenance === undefined) return json(503, { error: 'this master is starting: try again' })
  if (request.method === 'GET') return json(200, maintenance.status(leaseIn(request.target)))
  // What pages of strangers may send from a browser on this machine is of other types.
  if (!(request.headers['content-type'] ?? '').startsWith('application/json'))
    return json(415, { error: 'content-type must be application/json' })
  const wish = readWish(request.body)
  if (typeof wish === 'string') return json(400, { error: wish })
  return carryOut(wish, maintenance, request.signal)
}

function leaseIn(target: string): bigint | undefined {
  const [, text] = /[?&]lease=([0-9a-f]{16})$/.exec(target) ?? []
  return text === undefined ? undefined : BigInt(`0x${text}`)
}

async function carryOut(wish: Wish, maintenance: Maintenance, signal: AbortSignal): Promise<HttpResponse> {
  switch (wish.do) {
    case 'begin': {
      const answer = await maintenance.begin(wish, signal)
      return answer.kind === 'granted'
        ? json(200, { lease: leaseText(answer.lease) })
        : json(409, { error: answer.why })
    }
    case 'end':
      return maintenance.end() ? json(200, {}) : json(409, { error: 'this master is not under maintenance' })
    case 'release':
      return (await maintenance.release(wish.lease))
        ? json(200, {})
        : json(409, { error: `no maintenance ${leaseText(wish.lease)} is open` })
  }
}

/** Or what is wrong with it. */
function readWish(body: Uint8Array): Wish | string {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(fromUtf8(body)) as Record<string, unknown>
  } catch {
    return 'the body is not JSON'
  }
  if (typeof fields !== 'object' || fields === null) return 'the body is not a JSON object'
  if (fields['do'] === 'end') return { do: 'end' }
  if (fields['do'] === 'release') {
    const { lease } = fields
    return typeof lease === 'string' && LEASE.test(lease)
      ? { do: 'release', lease: BigInt(`0x${lease}`) }
      : 'lease: 16 hex digits'
  }
  if (fields['do'] !== 'begin') return 'do: begin, end or release'
  const { reason, others = 1, alarmAfterMs, override = false } = fields
  if (typeof reason !== 'string' || reason === '' || reason.length > REASON_CHARACTERS_MAX)
    return `reason: a text of at most ${REASON_CHARACTERS_MAX} characters`
  if (!isWhole(others, 0, OTHERS_MAX)) return `others: 0 to ${OTHERS_MAX}`
  if (!isWhole(alarmAfterMs, 1, ALARM_MS_MAX)) return `alarmAfterMs: 1 to ${ALARM_MS_MAX}`
  if (typeof override !== 'boolean') return 'override: true or false'
  return { do: 'begin', reason, others, alarmAfterMs, override }
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function json(status: number, value: unknown): HttpResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}
