/** GET pages of the feed host for operators: /live, and /metrics with what the log is at the moment of the question. */
import type { HttpHandler } from '#ports/net/http.ts'
import type { MeterRegistry } from '#ports/meter/meter-registry.ts'
import type { SegmentedLog } from './segmented-log.ts'

export function createFeedHostPages(log: SegmentedLog, meter: MeterRegistry): HttpHandler {
  const first = meter.gauge('drover_feedhost_first_position', 'first position that the log still holds')
  const next = meter.gauge('drover_feedhost_next_position', 'position of the next record to be appended')
  const bytes = meter.gauge('drover_feedhost_log_bytes', 'bytes of all segments of the log')
  const segments = meter.gauge('drover_feedhost_segments', 'segments of the log')
  const metrics = (): string => {
    const all = log.segments()
    first.set(log.bounds().first)
    next.set(log.bounds().next)
    bytes.set(all.reduce((sum, segment) => sum + segment.bytes, 0))
    segments.set(all.length)
    return meter.render()
  }
  return ({ method, target }) => {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'method not allowed')
    switch (target.split('?')[0]) {
      case '/live':
        return plain(200, 'live')
      case '/metrics':
        return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body: metrics() }
      default:
        return plain(404, 'not found: there are /live and /metrics')
    }
  }
}

function plain(
  status: number,
  body: string,
): { status: number; headers: Record<string, string>; body: string } {
  return { status, headers: { 'content-type': 'text/plain' }, body }
}
