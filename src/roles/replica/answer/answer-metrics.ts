/** What an answer thread counts. */
import type { Labels, Meter } from '#ports/meter/meter.ts'
import { METHODS } from '#rpc/method-table.ts'

const SECONDS = [0.000_1, 0.001, 0.01, 0.1, 1]
/** Users choose names; series come from the table. */
const OTHER: Labels = { method: 'other' }
const BY_METHOD: ReadonlyMap<string, Labels> = new Map(
  Object.keys(METHODS).map((method) => [method, { method }]),
)

export interface AnswerMetrics {
  /** One call was answered; `errorCode` where it failed. */
  count(method: string, seconds: number, errorCode: number | undefined): void
}

export function declareAnswerMetrics(meter: Meter): AnswerMetrics {
  const requests = meter.counter('drover_replica_requests_total', 'JSON-RPC calls answered, by method')
  const errors = meter.counter(
    'drover_replica_errors_total',
    'JSON-RPC calls answered with an error, by code',
  )
  const times = meter.histogram('drover_replica_request_seconds', 'time to answer one call', SECONDS)
  return {
    count(method, seconds, errorCode) {
      const labels = BY_METHOD.get(method) ?? OTHER
      requests.add(1, labels)
      times.observe(seconds, labels)
      if (errorCode !== undefined) errors.add(1, { code: String(errorCode) })
    },
  }
}
