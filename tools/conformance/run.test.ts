import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { needs, SHARED } from '#test/support/needs.ts'
import { createResultSchemas, readResultSchemas } from './result-schemas.ts'
import { type Judges, runRecording, runSuite } from './run.ts'
import { parseRecording, readRecording, suiteFiles } from './suite.ts'

const SUITE = join(SHARED, 'conformance', 'execution-apis')
const schemas = createResultSchemas(
  [
    {
      name: 'eth_x',
      result: {
        schema: {
          type: 'array',
          items: { anyOf: [{ type: 'null' }, { $ref: '#/components/schemas/uint' }] },
        },
      },
    },
    { name: 'eth_y', result: { schema: { $ref: '#/components/schemas/Elsewhere' } } },
  ],
  { uint: { type: 'string', pattern: '^0x(0|[1-9a-f][0-9a-f]*)$' } },
)
const ofShape = (method: string, answer: string) =>
  parseRecording(`// speconly: shape\n>> {"id":1,"method":"${method}"}\n<< ${answer}`)
const says = (answer: string, more: Partial<Judges> = {}): Judges => ({
  endpoint: { ask: async () => answer },
  schemas,
  ...more,
})

test('where only the shape counts, a result is judged by its schema and an error by the record', async () => {
  const recording = ofShape('eth_x', '{"id":1,"result":["0x1"]}')
  const kind = async (answer: string): Promise<string> => (await runRecording(recording, says(answer))).kind
  assert.equal(await kind('{"id":1,"result":["0x2",null]}'), 'passed')
  assert.equal(await kind('{"id":1,"result":["0x02"]}'), 'failed')
  assert.equal(await kind('{"id":1,"result":{}}'), 'failed')
  assert.equal(await kind('{"id":1}'), 'failed')
  assert.equal(await kind('{"id":1,"error":{"code":1,"message":""}}'), 'failed')
  assert.equal(await kind('no JSON'), 'failed')
  const refused = ofShape('eth_x', '{"id":1,"error":{"code":3,"message":"a"}}')
  assert.equal(
    (await runRecording(refused, says('{"id":1,"error":{"code":3,"message":"b"}}'))).kind,
    'passed',
  )
  assert.equal(
    (await runRecording(refused, says('{"id":1,"error":{"code":4,"message":"a"}}'))).kind,
    'failed',
  )
})

test('a method without a schema fails, one that refers elsewhere fits, without a description nothing is judged', async () => {
  const answer = '{"id":1,"result":[]}'
  assert.equal((await runRecording(ofShape('eth_z', answer), says(answer))).kind, 'failed')
  assert.equal((await runRecording(ofShape('eth_y', answer), says(answer))).kind, 'passed')
  assert.equal(
    (await runRecording(ofShape('eth_x', answer), says(answer, { schemas: undefined }))).kind,
    'skipped',
  )
})

test('the recorded answers pass, and none that differs in one character does', {
  ...needs('shared'),
}, async () => {
  const files = suiteFiles(SUITE)
  assert.ok(files.length > 100)
  const described = readResultSchemas(join(SHARED, 'conformance', 'execution-apis-schema'))
  const recorded = new Map(
    files.flatMap((file) =>
      readRecording(SUITE, file).exchanges.map((one) => [one.request, one.answer ?? '']),
    ),
  )
  const answered = { ask: async (request: string) => recorded.get(request) ?? '' }
  const counts = await runSuite(
    { dir: SUITE, files },
    { endpoint: answered, schemas: described },
    (file, verdict) => assert.equal(verdict.kind, 'passed', `${file} ${JSON.stringify(verdict)}`),
  )
  assert.equal(counts.passed, files.length)

  const changed = {
    ask: async (request: string) => (recorded.get(request) ?? '').replace(/"id":(\d)/, '"id":1$1'),
  }
  for (const file of files) {
    const recording = readRecording(SUITE, file)
    if (recording.specOnly) continue
    assert.equal(
      (await runRecording(recording, { endpoint: changed, schemas: described })).kind,
      'failed',
      file,
    )
  }
})
