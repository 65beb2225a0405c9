/**
 * An operator of one master and its client: asks for maintenance, as `drover maintain` does, stalls the client for a while, and gives the
 * lease back. What an answer that never came would have said is found out by asking again.
 */
import { messageOf } from '#kernel/fault.ts'
import { fromUtf8 } from '#kernel/bytes.ts'
import type { MaintenanceWatch } from '#sim/checker/one-maintenance.ts'
import { forwardUrl } from '#sim/cluster/addresses.ts'
import { createHttpClient } from '#sim/net/http.ts'
import type { Network } from '#sim/net/network.ts'
import type { Life, Program } from '#sim/world/life.ts'

export interface OperatorParts {
  readonly network: Network
  readonly master: string
  /** The client stops, and goes on. */
  readonly stall: () => void
  readonly goOn: () => void
  readonly watch: MaintenanceWatch
  /** No new maintenance is begun. */
  readonly isOver: () => boolean
}

const BETWEEN_MS = { min: 100, max: 900 }
/** Sometimes longer than a master needs to be killed, started again and heard: its lease must outlive that. */
const WORK_MS = { min: 50, max: 1_800 }
const HEARD_EVERY_MS = 150
const TIMEOUT_MS = 3_000
const RESPONSE_BYTES_MAX = 100_000

interface Answer {
  readonly status: number
  readonly value: Readonly<Record<string, unknown>>
}

export function operatorProgram(parts: OperatorParts): Program {
  const { master, watch } = parts
  return async (life) => {
    const random = life.random.child('maintenance')
    const pause = ({ min, max }: { readonly min: number; readonly max: number }): Promise<void> =>
      life.clock.sleep(min + random.unit() * (max - min), life.signal).catch(() => {}) // stopped: the loop ends
    while (!life.signal.aborted) {
      await pause(BETWEEN_MS)
      if (parts.isOver()) continue
      const begun = await ask(life, parts, { do: 'begin', reason: 'a test', alarmAfterMs: 60_000 })
      const lease = begun?.status === 200 ? String(begun.value['lease']) : undefined
      if (lease === undefined) continue
      watch.began(master)
      if (random.chance(0.7)) parts.stall()
      const untilMs = life.clock.nowMs() + WORK_MS.min + random.unit() * (WORK_MS.max - WORK_MS.min)
      while (life.clock.nowMs() < untilMs && !life.signal.aborted) {
        void ask(life, parts, undefined, `?lease=${lease}`)
        await pause({ min: HEARD_EVERY_MS, max: HEARD_EVERY_MS })
      }
      parts.goOn()
      watch.worked(master)
      // It is told until it is heard: the master may be away, or have lost what it was told.
      while ((await isOpen(life, parts, lease)) && !life.signal.aborted) {
        await ask(life, parts, { do: 'end' })
        await pause({ min: HEARD_EVERY_MS, max: HEARD_EVERY_MS })
      }
      watch.ended(master)
    }
  }
}

/** Whether the feed has the lease open, as far as the master has read; true while it cannot say. */
async function isOpen(life: Life, parts: OperatorParts, lease: string): Promise<boolean> {
  const status = await ask(life, parts, undefined, `?lease=${lease}`)
  if (status?.value['ready'] !== true) return true
  return (status.value['open'] as readonly { readonly lease: string }[]).some((one) => one.lease === lease)
}

/** Undefined where no answer came. */
async function ask(
  life: Life,
  { network, master }: OperatorParts,
  body: object | undefined,
  query = '',
): Promise<Answer | undefined> {
  try {
    const response = await createHttpClient(life, network).request(
      `${forwardUrl(master)}/maintenance${query}`,
      {
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        timeoutMs: TIMEOUT_MS,
        responseBytesMax: RESPONSE_BYTES_MAX,
      },
    )
    return { status: response.status, value: JSON.parse(fromUtf8(response.body)) as Answer['value'] }
  } catch (thrown) {
    life.log.debug('no answer', { master, reason: messageOf(thrown) })
    return undefined
  }
}
