/** What a master counts. */
import type { Meter } from '#ports/meter/meter.ts'

export type MasterMetrics = ReturnType<typeof createMasterMetrics>

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export function createMasterMetrics(meter: Meter) {
  return {
    clientHead: meter.gauge('drover_master_client_head_block', "Number of the client's head."),
    ownHead: meter.gauge('drover_master_head_block', 'Number of the last block executed.'),
    executed: meter.counter('drover_master_executed_blocks_total', 'Blocks executed and proven.'),
    taken: meter.counter('drover_master_taken_blocks_total', 'Blocks taken from the feed, not executed.'),
    executeSeconds: meter.histogram(
      'drover_master_execute_seconds',
      'Time to execute, prove and commit a block.',
      SECONDS,
    ),
    refused: meter.counter('drover_master_refused_blocks_total', 'Blocks that did not equal their header.'),
    reorgs: meter.counter('drover_master_reorgs_total', 'Times that the client left a branch.'),
    undone: meter.counter('drover_master_undone_blocks_total', 'Blocks undone by reorganisations.'),
    published: meter.counter('drover_master_published_frames_total', 'Frames published.'),
    publishedBytes: meter.counter(
      'drover_master_published_frame_bytes_total',
      'Bytes of the frames published.',
    ),
    suppressed: meter.counter(
      'drover_master_suppressed_frames_total',
      'Frames not published: whole on the feed already.',
    ),
    graceWaits: meter.counter(
      'drover_master_grace_waits_total',
      'Frames left to a master that publishes first, for a grace.',
    ),
    rank: meter.gauge(
      'drover_master_rank',
      'Place among the masters that publish: 0 publishes at once, r after r graces.',
    ),
    readBackP99: meter.gauge(
      'drover_master_read_back_p99_seconds',
      'From an append to its last record read back, 99th percentile of the newest; a grace is twice that.',
    ),
    checkpoint: meter.gauge(
      'drover_master_checkpoint_position',
      'Position on the feed up to which the next life need not read it: retention may not drop what follows.',
    ),
    beats: meter.counter('drover_master_beats_total', 'Beats published.'),
    feedReopened: meter.counter(
      'drover_master_feed_reopened_total',
      'Times that the feed was lost and opened again.',
    ),
    maintenanceOpen: meter.gauge(
      'drover_master_maintenance_open',
      'Maintenance leases of all masters that are open.',
    ),
    maintenanceAlarms: meter.counter(
      'drover_master_maintenance_alarms_total',
      'Maintenance that goes on for longer than was said (long), or while too few others serve (alone).',
    ),
    flushes: meter.counter(
      'drover_master_flushes_total',
      "Flushes of the client's trie that were asked for and have happened.",
    ),
    engineBlocks: meter.counter(
      'drover_master_engine_blocks_total',
      'Blocks of the feed that the client was given through the Engine API, and moved its head to.',
    ),
    forwarded: meter.counter(
      'drover_master_forwarded_calls_total',
      'Calls passed to the client by the forward port.',
    ),
  }
}
