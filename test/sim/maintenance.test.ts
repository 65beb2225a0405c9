/** Maintenance of clients under faults (P6); `npm run sim -- --scenario maintenance --seeds 150` is the full size, some 900 maintenances. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { simulate } from './simulate.ts'

test('on 10 seeds clients are stalled one at a time, at block times from 250 ms to 12 s, and all maintenances end', async () => {
  const output = await simulate('--seeds', '10', '--from', '1', '--scenario', 'maintenance')
  assert.match(output, /^10 seeds from 1, 0 failed, \d+ answers checked, [1-9]\d+ maintenances/m)
})
