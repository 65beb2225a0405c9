/**
 * `npm run conformance -- --suite DIR [--url URL]`: runs recorded JSON-RPC exchanges against a node and prints a line for each file that it
 * does not answer as recorded (docs/conformance.md). Without --url it starts a cluster that follows the suite's chain.
 *   --schema DIR   the OpenRPC description for files of which only the shape counts (default: execution-apis-schema beside the suite)
 *   --chain DIR    chain.rlp and genesis.json for that cluster (default: the suite's own, else those in ../shared/conformance)
 *   --only TEXT    only files whose path contains it
 */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SHARED } from '#test/support/needs.ts'
import { startSuiteCluster } from './conformance/cluster.ts'
import { httpEndpoint } from './conformance/http-endpoint.ts'
import { readResultSchemas } from './conformance/result-schemas.ts'
import { runSuite } from './conformance/run.ts'
import { suiteFiles } from './conformance/suite.ts'
import { readFlags, refuse } from './flags.ts'

const SCHEMA = 'execution-apis-schema'

const values = readFlags('conformance', {
  suite: { type: 'string' },
  url: { type: 'string' },
  schema: { type: 'string' },
  chain: { type: 'string' },
  only: { type: 'string', default: '' },
  traces: { type: 'string' },
})

if (values.traces !== undefined) refuse('conformance', '--traces: there is no tracer to judge yet')
const suite =
  values.suite === undefined ? refuse('conformance', '--suite DIR is needed') : resolve(values.suite)
if (!existsSync(suite)) refuse('conformance', `--suite: there is no folder ${suite}`)
const files = suiteFiles(suite).filter((file) => file.includes(values.only))
if (files.length === 0) refuse('conformance', `--suite: no .io file in ${suite}`)

const schemas = readResultSchemas(schemaFolder())
const cluster = values.url === undefined ? await startSuiteCluster(chainFolder()) : undefined
try {
  const endpoint = httpEndpoint(values.url ?? cluster?.url ?? '')
  const { passed, failed, skipped } = await runSuite(
    { dir: suite, files },
    { endpoint, schemas },
    (file, verdict) => {
      if (verdict.kind !== 'passed') console.log(`${verdict.kind} ${file}: ${verdict.why}`)
    },
  )
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
} finally {
  await cluster?.stop()
}

/** Beside the suite, else beside the project. */
function schemaFolder(): string {
  if (values.schema !== undefined) return values.schema
  const beside = join(dirname(suite), SCHEMA)
  return existsSync(beside) ? beside : join(SHARED, 'conformance', SCHEMA)
}

function chainFolder(): string {
  if (values.chain !== undefined) return values.chain
  return existsSync(join(suite, 'chain.rlp')) ? suite : join(SHARED, 'conformance', 'execution-apis')
}
