import assert from 'node:assert/strict'
import test from 'node:test'
import { createMeterRegistry } from './meter-registry.ts'
import { leaveRegion, renderSharedMeters, sharedCells, sharedMetersBytes } from './shared-meters.ts'

/** A shared array of three regions, and a registry in one of them. */
function shared() {
  const buffer = new SharedArrayBuffer(sharedMetersBytes(3))
  const thread = (region: number) => {
    const meter = createMeterRegistry(sharedCells(buffer, region))
    return {
      requests: meter.counter('drover_requests_total', 'what was asked: all of it'),
      open: meter.gauge('drover_open', 'open now'),
      seconds: meter.histogram('drover_seconds', 'time', [1, 2]),
    }
  }
  const lines = () => renderSharedMeters(buffer).split('\n')
  return { buffer, thread, lines }
}

test('what threads count is rendered as one, by any of them', () => {
  const { thread, lines } = shared()
  const [a, b] = [thread(0), thread(2)]
  a.requests.add(2, { method: 'eth_call' })
  b.requests.add(3, { method: 'eth_call' })
  b.requests.add(1, { method: 'say "é"' })
  a.open.set(4)
  b.open.set(1)
  a.seconds.observe(0.5)
  b.seconds.observe(1.5)
  assert.deepEqual(lines(), [
    '# HELP drover_requests_total what was asked: all of it',
    '# TYPE drover_requests_total counter',
    'drover_requests_total{method="eth_call"} 5',
    'drover_requests_total{method="say \\"é\\""} 1',
    '# HELP drover_open open now',
    '# TYPE drover_open gauge',
    'drover_open 4',
    '# HELP drover_seconds time',
    '# TYPE drover_seconds histogram',
    'drover_seconds_bucket{le="1"} 1',
    'drover_seconds_bucket{le="2"} 2',
    'drover_seconds_bucket{le="+Inf"} 2',
    'drover_seconds_sum 2',
    'drover_seconds_count 2',
    '',
  ])
})

test('the counters of a thread that ended stay, its gauges do not, and who takes its place counts on', () => {
  const { buffer, thread, lines } = shared()
  const [old, other] = [thread(0), thread(1)]
  old.requests.add(5)
  old.open.set(9)
  other.open.set(2)
  leaveRegion(buffer, 0)
  assert.ok(lines().includes('drover_requests_total 5'))
  assert.ok(lines().includes('drover_open 2'))
  const young = thread(0)
  young.requests.add(1)
  assert.ok(lines().includes('drover_requests_total 6'))
  assert.ok(lines().includes('drover_open 2'), 'it does not show the gauge of whom it replaced')
})

test('more series than labels from closed sets can make is a bug', () => {
  const { thread } = shared()
  const { requests } = thread(0)
  assert.throws(() => {
    for (let i = 0; i < 10_000; i++) requests.add(1, { user: String(i) })
  }, /closed sets/)
})
