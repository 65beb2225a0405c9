/** The door to ajv: JSON Schema 2019-09. */
import { Ajv2019, type ErrorObject } from 'ajv/dist/2019.js'

export interface Document {
  /** What is wrong with a value, in words; undefined where it fits the schema at `pointer` (JSON pointer into the document). */
  check(pointer: string, value: unknown): string | undefined
}

/** A document whose schemas refer to each other by `#/…`. */
export function createDocument(document: Readonly<Record<string, unknown>>): Document {
  // Not strict: OpenRPC has keywords beside JSON Schema's.
  const ajv = new Ajv2019({ strict: false, validateFormats: false })
  ajv.addSchema({ ...document, $id: ID })
  return {
    check(pointer, value) {
      const validate = ajv.getSchema(`${ID}#${pointer}`)
      if (validate === undefined) throw new Error(`the document has no schema at ${pointer}`)
      return validate(value) === true ? undefined : wordsOf(validate.errors ?? [])
    },
  }
}
const ID = 'openrpc'

/** Of the branches of an anyOf, the one that went furthest says most. */
function wordsOf(errors: readonly ErrorObject[]): string {
  const [first, ...others] = errors
  if (first === undefined) return 'it does not fit'
  const { instancePath, message, params } = others.reduce(
    (best, one) => (one.instancePath.length > best.instancePath.length ? one : best),
    first,
  )
  return `${instancePath || '/'} ${message} ${JSON.stringify(params)}`
}
