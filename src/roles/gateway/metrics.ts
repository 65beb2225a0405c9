/** What a gateway counts. */
import type { Meter } from '#ports/meter/meter.ts'

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export function createGatewayMetrics(meter: Meter) {
  return {
    requests: meter.counter('drover_gateway_requests_total', 'HTTP requests with JSON-RPC, by outcome.'),
    refused: meter.counter(
      'drover_gateway_requests_refused_total',
      'HTTP requests refused before their body was read, by reason.',
    ),
    calls: meter.counter('drover_gateway_calls_total', 'Calls in these requests.'),
    requestSeconds: meter.histogram('drover_gateway_request_seconds', 'Time to answer a request.', SECONDS),
    head: meter.gauge('drover_gateway_head_block', 'Number of the served head.'),
    headMoves: meter.counter('drover_gateway_head_moves_total', 'Times that the served head moved.'),
    headSteppedDown: meter.counter(
      'drover_gateway_head_steps_down_total',
      'Moves to a head with a lower number: short reorganisations.',
    ),
    routable: meter.gauge('drover_gateway_routable_replicas', 'Replicas that hold the served head.'),
    attemptsFailed: meter.counter(
      'drover_gateway_attempts_failed_total',
      'Attempts that were made again elsewhere, by reason.',
    ),
    evicted: meter.counter(
      'drover_gateway_evictions_total',
      'Replicas not asked any more because they were silent.',
    ),
    forwarded: meter.counter('drover_gateway_forwarded_calls_total', 'Calls answered by a master.'),
    transactionsSent: meter.counter(
      'drover_gateway_transactions_total',
      'Raw transactions sent, by outcome.',
    ),
    rebroadcast: meter.counter(
      'drover_gateway_rebroadcast_transactions_total',
      'Transactions sent again because no block has them yet.',
    ),
  }
}
