import assert from 'node:assert/strict'
import test from 'node:test'
import { createMeterRegistry } from './meter-registry.ts'

test('a series is its labels, whichever object says them', () => {
  const meter = createMeterRegistry()
  const counter = meter.counter('drover_test_calls_total', 'Calls.')
  const kept = { method: 'eth_call' }
  counter.add(1)
  counter.add(2, kept)
  counter.add(3, kept)
  counter.add(4, { method: 'eth_call' })
  counter.add(5, { method: 'a "quoted" \\ one' })
  meter.gauge('drover_test_head_block', 'Head.').set(7)
  assert.equal(
    meter.render(),
    [
      '# HELP drover_test_calls_total Calls.',
      '# TYPE drover_test_calls_total counter',
      'drover_test_calls_total 1',
      'drover_test_calls_total{method="eth_call"} 9',
      'drover_test_calls_total{method="a \\"quoted\\" \\\\ one"} 5',
      '# HELP drover_test_head_block Head.',
      '# TYPE drover_test_head_block gauge',
      'drover_test_head_block 7',
      '',
    ].join('\n'),
  )
})

test('a bucket counts what is at or below its bound', () => {
  const meter = createMeterRegistry()
  const times = meter.histogram('drover_test_call_seconds', 'Time.', [0.1, 1])
  for (const seconds of [0.05, 0.1, 0.5, 1, 2]) times.observe(seconds, { method: 'eth_call' })
  const lines = meter.render().split('\n').slice(2, -1)
  assert.deepEqual(lines, [
    'drover_test_call_seconds_bucket{method="eth_call",le="0.1"} 2',
    'drover_test_call_seconds_bucket{method="eth_call",le="1"} 4',
    'drover_test_call_seconds_bucket{method="eth_call",le="+Inf"} 5',
    'drover_test_call_seconds_sum{method="eth_call"} 3.65',
    'drover_test_call_seconds_count{method="eth_call"} 5',
  ])
})
