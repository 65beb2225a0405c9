/** Metrics of the applier. */
import type { Meter } from '#ports/meter/meter.ts'

export function createApplierMetrics(meter: Meter) {
  return {
    applied: meter.counter('drover_replica_blocks_applied_total', 'blocks applied to the store'),
    undone: meter.counter('drover_replica_blocks_undone_total', 'blocks undone by reorganisations'),
    held: meter.counter(
      'drover_replica_reorg_holds_total',
      'decided heads held back because they were shorter than what was served',
    ),
    steppedDown: meter.counter(
      'drover_replica_head_step_downs_total',
      'held heads that were applied though no branch grew as high in time',
    ),
    refused: meter.counter('drover_replica_frames_refused_total', 'frames that failed their checks'),
    alarms: meter.counter('drover_replica_feed_alarms_total', 'alarms of the feed machine, by code'),
    head: meter.gauge('drover_replica_head_number', 'number of the head block of the store'),
    finalized: meter.gauge('drover_replica_finalized_number', 'number of the finalized block'),
    verified: meter.gauge('drover_replica_verified_number', 'highest block with every block up to it proven'),
    position: meter.gauge('drover_replica_feed_position', 'next feed position to read'),
    feedFirst: meter.gauge('drover_replica_feed_first_position', 'first position that the feed still holds'),
    feedCover: meter.gauge(
      'drover_replica_feed_cover_seconds',
      'how long the feed would still hold what the store needs, were it stopped now, at the present rate; Infinity while nothing was dropped',
    ),
    silent: meter.gauge('drover_replica_feed_silent_seconds', 'time since a record of the feed was heard'),
    behind: meter.gauge('drover_replica_behind_blocks', "masters' highest head above the store's"),
    stalled: meter.gauge(
      'drover_replica_chain_stalled',
      '1 while masters are heard and none has had a new block for ten block times',
    ),
    lag: meter.gauge('drover_replica_feed_lag_records', 'records on the feed that are not applied yet'),
    commitSeconds: meter.histogram(
      'drover_replica_commit_seconds',
      'time of one store transaction',
      [0.001, 0.005, 0.015, 0.05, 0.2, 1],
    ),
  }
}
export type ApplierMetrics = ReturnType<typeof createApplierMetrics>
