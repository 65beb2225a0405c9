import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'

const run = (tool: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, `${tool}.ts`), ...args],
    { encoding: 'utf8', timeout: 60_000 },
  )
  return { status, stdout, stderr }
}

test('a flag that a tool does not know, or that is no number, is named, and nothing is run', () => {
  for (const [line, wanted] of [
    ['sim --seeds ten', /--seeds: a number is wanted, not ten/],
    ['sim --seeds 0', /--seeds: a whole number from 1 on is wanted, not 0/],
    ['sim --scenario none', /--scenario is one of all, .*mixed.*, not none/],
    ['sim --sed 7', /Unknown option '--sed'\nusage: npm run sim -- \[--seeds …\]/],
    [
      'bench http --rounds 3',
      /Unknown option '--rounds'\nusage: npm run bench http -- \[--quick\] \[--json\]\n/,
    ],
    ['bench masters --kills many', /--kills: a number is wanted, not many/],
    ['bench masters --feed paper', /--feed: one of embedded, kafka is wanted, not paper/],
    ['bench feed-start --starts 0', /--starts: a whole number from 1 on is wanted, not 0/],
    ['bench archive --blocks x', /--blocks: a number is wanted, not x/],
    ['fire kill --times', /'--times <value>' argument missing/],
    ['fire all --times 3', /Unknown option '--times'/],
    ['bench catch-up --feed x', /--feed: one of embedded, kafka is wanted, not x/],
    ['bench served --feed x', /--feed: of embedded, kafka are wanted, not x/],
    ['fire masters --brokers 2', /--brokers: one of 1, 3 is wanted, not 2/],
    ['differential --requests many', /--requests: a number is wanted, not many/],
    ['conformance', /--suite DIR is needed/],
  ] as const) {
    const { status, stdout, stderr } = run(...(line.split(' ') as [string, ...string[]]))
    assert.deepEqual([line, status, stdout], [line, 2, ''])
    assert.match(stderr, wanted)
  }
})

test('with --help a tool says what it knows', () => {
  const { status, stdout } = run('fire', 'kill', '--help')
  assert.deepEqual([status, stdout], [0, 'usage: npm run fire kill -- [--quick] [--times …]\n'])
})
