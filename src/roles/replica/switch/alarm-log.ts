/** Alarms of the feed machine, counted each and logged now and then: a master that repeats itself must not fill a disk with it. */
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Alarm } from '#protocol/feed/effects.ts'
import type { ApplierMetrics } from '#roles/replica/apply/applier-metrics.ts'

const SAME_ALARM_EVERY_MS = 60_000
const REMEMBERED_MAX = 256

/** Whether somebody must act, or it heals. */
const severity = {
  duplicateId: 'error',
  dispute: 'error',
  conflictsWithFinalized: 'error',
  ancestorNotKept: 'warn',
  producerForgotten: 'warn',
} satisfies Record<Alarm['code'], 'error' | 'warn'>

export function createAlarmLog(parts: {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: ApplierMetrics
}): (alarm: Alarm) => void {
  const toldMs = new Map<string, number>()
  return ({ code, producer, ...facts }) => {
    parts.metrics.alarms.add(1, { code })
    const key = `${code} ${producer}`
    const lastMs = toldMs.get(key)
    const nowMs = parts.clock.nowMs()
    if (lastMs !== undefined && nowMs - lastMs < SAME_ALARM_EVERY_MS) return
    if (toldMs.size >= REMEMBERED_MAX) toldMs.clear()
    toldMs.set(key, nowMs)
    parts.log[severity[code]]('the feed disagrees with itself', {
      alarm: code,
      producer,
      facts: JSON.stringify(facts),
    })
  }
}
