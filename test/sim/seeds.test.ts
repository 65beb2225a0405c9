/**
 * The simulation as CI runs it, beside the fixed seeds: the day's own, the seeds that once found something, and the promise that a seed is a
 * whole bug report.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import notable from '#sim/notable-seeds.json' with { type: 'json' }
import { simulate } from './simulate.ts'

const DAY_MS = 86_400_000

for (const half of [0, 50])
  test(`all promises hold on 50 seeds that nobody has run before today (from ${half})`, async () => {
    const from = 1_000_000 + 100 * Math.floor(Date.now() / DAY_MS) + half
    const output = await simulate('--seeds', '50', '--from', String(from), '--scenario', 'all')
    assert.match(output, new RegExp(`^50 seeds from ${from}, 0 failed`, 'm'))
  })

test('one seed is one run: the whole trace is the same, byte for byte', async () => {
  const [first, second] = await Promise.all(['77', '77'].map((seed) => simulate('--seed', seed)))
  assert.equal(first, second)
  assert.ok((first as string).split('\n').length > 50, 'a trace tells what happened')
  assert.notEqual(await simulate('--seed', '78'), first)
})

test('code that is broken on purpose is caught, and the command that replays it is told', async () => {
  const output = await simulate('--mutants', '--only', 'an undone slot keeps its value')
  assert.match(output, /^caught {4}an undone slot keeps its value: \w+ on seed \d+ of reorgs/m)
})

for (const { seed, scenario, found } of notable) {
  test(`seed ${seed} of ${scenario}, which found that ${found}`, async () => {
    await simulate('--seed', String(seed), '--scenario', scenario)
  })
}
