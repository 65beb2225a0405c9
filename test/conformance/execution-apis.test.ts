/**
 * The recorded exchanges of execution-apis, for the methods that a replica answers, on a store built by executing the suite's own chain;
 * `npm run conformance` does the same to real processes.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { fromUtf8, joinParts, utf8 } from '#kernel/bytes.ts'
import { createMethods } from '#roles/replica/methods/methods.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { readResultSchemas } from '#tools/conformance/result-schemas.ts'
import { runRecording } from '#tools/conformance/run.ts'
import { readRecording, suiteFiles } from '#tools/conformance/suite.ts'
import { SUITE, suiteAnswerer } from './suite-answerer.ts'

const FILES_MIN = 80

test('recorded exchanges of execution-apis are answered as recorded', { ...needs('shared') }, async (t) => {
  const { answer } = suiteAnswerer()
  const endpoint = {
    async ask(request: string): Promise<string> {
      const got = await answer(utf8(request), { signal: new AbortController().signal })
      assert.ok('items' in got)
      const [item] = got.items
      // Without a master to ask, a transaction that is in no block is what its answer says otherwise.
      if (item?.kind === 'answered') return item.json
      if (item?.kind === 'encoded') return fromUtf8(joinParts(item.parts))
      return item?.kind === 'forward' ? item.otherwise : assert.fail(JSON.stringify(item))
    },
  }
  const schemas = readResultSchemas(join(SHARED, 'conformance', 'execution-apis-schema'))
  const mine = new Set(Object.keys(createMethods('')))
  const files = suiteFiles(SUITE).filter((file) => mine.has(file.split('/')[0] ?? ''))
  assert.ok(files.length >= FILES_MIN, `${files.length} files`)
  for (const file of files)
    await t.test(file, async () => {
      const verdict = await runRecording(readRecording(SUITE, file), { endpoint, schemas })
      assert.deepEqual(verdict, { kind: 'passed' })
    })
})
