/** Reorganisations to depth 64, mixed with crashes and catch-up; `npm run sim -- --scenario deep-reorgs --seeds 500` is the full size. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { simulate } from './simulate.ts'

for (const from of [1, 11])
  test(`all promises hold on 10 seeds from ${from} where reorganisations are up to 64 blocks deep`, async () => {
    const output = await simulate('--seeds', '10', '--from', String(from), '--scenario', 'deep-reorgs')
    assert.match(output, new RegExp(`^10 seeds from ${from}, 0 failed, [1-9]\\d{2,} answers checked`, 'm'))
  })
