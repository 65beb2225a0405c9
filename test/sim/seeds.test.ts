/** The simulation as CI runs it: fixed seeds, the seeds that once found something, and the promise that a seed is a whole bug report. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import notable from '#sim/notable-seeds.json' with { type: 'json' }

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')

/** @throws with what was printed, where a seed failed */
async function simulate(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['tools/sim.ts', ...args], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

test('all promises hold on fixed seeds', async () => {
  assert.match(await simulate('--seeds', '60', '--from', '1000'), /^60 seeds from 1000, 0 failed/m)
})

test('one seed is one run: the whole trace is the same, byte for byte', async () => {
  const [first, second] = await Promise.all(['77', '77'].map((seed) => simulate('--seed', seed)))
  assert.equal(first, second)
  assert.ok((first as string).split('\n').length > 50, 'a trace tells what happened')
  assert.notEqual(await simulate('--seed', '78'), first)
})

test('code that is broken on purpose is caught, and the command that replays it is told', async () => {
  const output = await simulate('--mutants', '--only', 'an undone slot keeps its value')
  assert.match(output, /^caught {4}an undone slot keeps its value: P1 on seed \d+ of reorgs/m)
})

for (const { seed, scenario, found } of notable) {
  test(`seed ${seed} of ${scenario}, which found that ${found}`, async () => {
    await simulate('--seed', String(seed), '--scenario', scenario)
  })
}
