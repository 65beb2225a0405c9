import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import test from 'node:test'
import { Publishing, type Standing } from './publishing.ts'
import { hashOf, refNamed } from './testing/history.ts'
import { Story } from './testing/publishing-story.ts'

/** Stories are written in testdata/publishing/*.txt: a sentence, commands (testing/publishing-story.ts), `----`, what the master did. UPDATE=1 records. */
for (const file of globSync(`${import.meta.dirname}/testdata/publishing/*.txt`).toSorted()) {
  const [title = '', ...rest] = readFileSync(file, 'utf8').split('\n')
  test(`${basename(file, '.txt')}: ${title.replace(/^# /, '')}`, () => {
    const [input = '', expected = ''] = rest.join('\n').split(/\n?----\n/)
    const story = new Story()
    for (const line of input.split('\n')) story.run(line)
    const output = story.output.join('\n')
    if (process.env['UPDATE'] === '1') writeFileSync(file, `${title}\n${input}\n----\n${output}\n`)
    else assert.equal(output, expected.trimEnd())
  })
}

test('who fell asleep after its look looks again, whatever its rank', () => {
  for (const rank of [0, 1]) {
    const publishing = new Publishing()
    const standing = (nowMs: number): Standing => ({
      ...{ nowMs, rank, graceMs: 50, openSinceMs: 0, needs: () => true },
    })
    const kindAt = (nowMs: number): string => publishing.next(standing(nowMs)).kind
    publishing.proven(
      { block: refNamed('1'), deltaHash: hashOf('d'), level: 'receipts', bytes: new Uint8Array() },
      0,
    )
    // Asleep from the first moment on: since the feed was opened nothing was asked.
    assert.equal(kindAt(1_600), 'look')
    publishing.looked(1_600)
    assert.equal(kindAt(3_200), 'look')
    publishing.looked(3_200)
    assert.equal(kindAt(4_600), 'append')
  }
})
