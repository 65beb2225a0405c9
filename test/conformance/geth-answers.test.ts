/**
 * What geth 1.17.8 answered about the recorded suite's chain where the suite does not look: odd envelopes, wrong parameters, failing calls,
 * overrides; here the words count too. A line `<! ` is our answer where it differs on purpose, with the reason in the comment above.
 * `RECORD=http://host:port` (a geth with that chain, archive, told its last forkchoice) asks everything anew.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { wholeBody } from '#ports/net/http.ts'
import { silent } from '#ports/logger.ts'
import { createAnswerHttp } from '#roles/replica/answer/answer-http.ts'
import { post } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { suiteAnswerer } from './suite-answerer.ts'

const file = join(import.meta.dirname, 'testdata', 'geth-1.17.8.io')
/** Large answers are kept as a digest of their JSON with sorted keys. */
const DIGEST = 'sha256 '
const TEXT_MAX = 2_000
const RECORD = process.env['RECORD']

test('odd questions are answered as geth 1.17.8 answered them', { ...needs('shared') }, async (t) => {
  if (RECORD !== undefined) await record(RECORD)
  const handle = createAnswerHttp({
    answerer: suiteAnswerer(),
    log: silent,
    isReady: () => true,
    metrics: () => '',
  })
  const lines = readFileSync(file, 'utf8').split('\n')
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith('>> ')) continue
    await t.test(`line ${i + 1}: ${line.slice(3, 200)}`, async () => {
      const answered = await handle({
        method: 'POST',
        target: '/',
        headers: { 'content-type': 'application/json' },
        body: utf8(line.slice(3)),
        remote: '192.0.2.1',
        signal: new AbortController().signal,
      })
      const body = fromUtf8(wholeBody(answered))
      const geths = lines[i + 1]?.slice(3) as string
      const ours = lines[i + 2]?.startsWith('<! ') ? lines[i + 2]?.slice(3) : undefined
      if (ours !== undefined) assert.notDeepEqual(comparable(body, geths), parsed(geths), 'it differs')
      const expected = ours ?? geths
      assert.deepEqual(comparable(body, expected), parsed(expected))
    })
  }
})

function comparable(text: string, expected: string): unknown {
  return expected.startsWith(DIGEST) ? shortened(text) : parsed(text)
}

function parsed(text: string): unknown {
  return text === '' || text.startsWith(DIGEST) ? text : JSON.parse(text)
}

function shortened(text: string): string {
  if (text.length <= TEXT_MAX) return text
  const sorted = JSON.stringify(parsed(text), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return DIGEST + createHash('sha256').update(sorted).digest('hex')
}

async function record(url: string): Promise<void> {
  const out: string[] = []
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    if (line.startsWith('<< ')) continue
    out.push(line)
    if (line.startsWith('>> '))
      out.push(`<< ${shortened((await (await post(url, line.slice(3))).text()).trim())}`)
  }
  writeFileSync(file, `${out.join('\n')}\n`)
}
