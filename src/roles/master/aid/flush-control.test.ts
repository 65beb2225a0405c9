import assert from 'node:assert/strict'
import test from 'node:test'
import { goDurationMs } from './flush-control.ts'

test('durations of Go are read as geth writes them', () => {
  const cases = {
    '0s': 0,
    '1h0m0s': 3_600_000,
    '5m0s': 300_000,
    '1.5s': 1_500,
    '100ms': 100,
    '1m0.5s': 60_500,
  }
  for (const [text, ms] of Object.entries(cases)) assert.equal(goDurationMs(text), ms, text)
  assert.equal(goDurationMs('-1ms'), -1)
  assert.ok(Math.abs(goDurationMs('250µs') - 0.25) < 1e-9)
})

test('what is no duration is no number', () => {
  for (const text of ['', '12', 'null', '1h and more', 'h']) assert.ok(Number.isNaN(goDurationMs(text)), text)
})
