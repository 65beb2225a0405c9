import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import test from 'node:test'
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
