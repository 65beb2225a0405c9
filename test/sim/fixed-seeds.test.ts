/** The simulation on the same 300 seeds each time, one scenario after another: what was clean stays clean. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { simulate } from './simulate.ts'

// In pieces: each has the time that a test may take on a busy machine.
for (const from of [1_000, 1_050, 1_100, 1_150, 1_200, 1_250])
  test(`all promises hold on 50 fixed seeds from ${from}`, async () => {
    const output = await simulate('--seeds', '50', '--from', String(from), '--scenario', 'all')
    assert.match(output, new RegExp(`^50 seeds from ${from}, 0 failed, [1-9]\\d{3,} answers checked`, 'm'))
  })
