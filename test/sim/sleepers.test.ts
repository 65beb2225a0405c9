/** Masters that are stopped for seconds (P5: every frame travels once); `npm run sim -- --scenario sleepers --seeds 2000` is the full size. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { simulate } from './simulate.ts'

test('on 20 seeds masters that were asleep look before they publish', async () => {
  const output = await simulate('--seeds', '20', '--from', '1', '--scenario', 'sleepers')
  assert.match(output, /^20 seeds from 1, 0 failed/m)
})
