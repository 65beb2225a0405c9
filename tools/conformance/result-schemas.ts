/** The result schemas of an OpenRPC description kept as YAML: a list of methods in some files, components by name in others. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDocument } from './ajv.ts'
import { parseYaml } from './yaml.ts'

export interface ResultSchemas {
  /** What is wrong with a method's result, in words; undefined where it fits. A method without a schema fits nothing. */
  check(method: string, result: unknown): string | undefined
}

interface Method {
  readonly name: string
  readonly result?: { readonly schema?: unknown }
}

const COMPONENTS = 'schemas'
const ERROR_GROUPS = 'error-groups'

/** Undefined where the folder does not exist. */
export function readResultSchemas(dir: string): ResultSchemas | undefined {
  if (!existsSync(dir)) return undefined
  const read = (folder: string): unknown[] =>
    readdirSync(join(dir, folder))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => parseYaml(readFileSync(join(dir, folder, name), 'utf8')))
  const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const methods = folders
    .filter(({ name }) => name !== COMPONENTS && name !== ERROR_GROUPS)
    .flatMap(({ name }) => read(name).flatMap((list) => list as Method[]))
  return createResultSchemas(methods, Object.assign({}, ...read(COMPONENTS)) as Record<string, unknown>)
}

export function createResultSchemas(
  methods: readonly Method[],
  schemas: Readonly<Record<string, unknown>>,
): ResultSchemas {
  const results = Object.fromEntries(
    methods.flatMap(({ name, result }) => (result?.schema === undefined ? [] : [[name, result.schema]])),
  )
  // Some refer to schemas of the Engine API, which is described elsewhere: there anything fits.
  const elsewhere = referredTo(results).filter((name) => !Object.hasOwn(schemas, name))
  const whole = { ...schemas, ...Object.fromEntries(elsewhere.map((name) => [name, true])) }
  const document = createDocument({ components: { schemas: whole }, results })
  return {
    check: (method, result) =>
      Object.hasOwn(results, method)
        ? document.check(`/results/${method}`, result)
        : `there is no result schema for ${method}`,
  }
}

function referredTo(value: unknown): string[] {
  return [...JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name as string,
  )
}
