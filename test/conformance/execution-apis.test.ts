/** The recorded exchanges of execution-apis, for the methods that a replica answers, on a store built by executing the suite's own chain. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import { createMethods } from '#roles/replica/methods.ts'
import { needs } from '#test/support/needs.ts'
import { SUITE as dir, suiteAnswerer } from './suite-answerer.ts'

/** Rule 1 of the suite: equal but for the text of error messages. */
function withoutMessage(value: unknown): unknown {
  const { error, ...rest } = value as { error?: Record<string, unknown> }
  if (error === undefined) return rest
  const { message: _message, ...facts } = error
  return { ...rest, error: facts }
}

test('recorded exchanges of execution-apis are answered as recorded', { ...needs('shared') }, async (t) => {
  const { answer } = suiteAnswerer()
  const mine = Object.keys(createMethods(''))
  const files = mine.flatMap((method) => {
    const names = readdirSync(dir).includes(method) ? readdirSync(join(dir, method)) : []
    return names.filter((name) => name.endsWith('.io')).map((name) => `${method}/${name}`)
  })
  assert.ok(files.length > 50, `${files.length} files`)
  for (const file of files.sort()) {
    await t.test(file, async () => {
      const lines = readFileSync(join(dir, file), 'utf8').split('\n')
      const speconly = lines.some((line) => line.startsWith('// speconly:'))
      let request = ''
      for (const line of lines) {
        if (line.startsWith('>> ')) request = line.slice(3)
        if (!line.startsWith('<< ')) continue
        const got = await answer(utf8(request), { signal: new AbortController().signal })
        assert.ok('items' in got)
        const [item] = got.items
        // Without a master to ask, a transaction that is in no block is what its answer says otherwise.
        const json =
          item?.kind === 'answered'
            ? item.json
            : item?.kind === 'encoded'
              ? fromUtf8(item.bytes)
              : item?.kind === 'forward'
                ? item.otherwise
                : assert.fail(JSON.stringify(item))
        const answered = JSON.parse(json)
        const expected = JSON.parse(line.slice(3))
        if (speconly && !('error' in answered)) continue
        assert.deepEqual(withoutMessage(answered), withoutMessage(expected))
      }
    })
  }
})
