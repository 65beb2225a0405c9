/**
 * The envelope of JSON-RPC 2.0 as geth reads it: a body becomes calls, in order, each with its id as the JSON text that it was and with its
 * own request text, so that it can travel on unchanged.
 */
import { assert } from '#kernel/assert.ts'
import { fromUtf8 } from '#kernel/bytes.ts'
import { CODE, errorText, type RpcError } from './errors.ts'
import { outline, type OutlineLimits } from './outline.ts'
import { rpcLimits } from './limits.ts'

/** Depth and number of values bound what a body may allocate. */
export const BODY_LIMITS: OutlineLimits = {
  elementsMax: rpcLimits.batchCallsMax.value,
  depthMax: rpcLimits.bodyDepthMax.value,
  valuesMax: rpcLimits.bodyValuesMax.value,
}
const METHOD_LENGTH_MAX = rpcLimits.methodCharactersMax.value

export interface Call {
  /** JSON text. */
  readonly idText: string
  readonly method: string
  /** As given: a list, undefined, or something else, which the method's decoder refuses. */
  readonly params: unknown
  readonly requestText: string
  /** No id: nothing is sent back. */
  readonly notification: boolean
}

export type BodyItem =
  | { readonly kind: 'call'; readonly call: Call }
  /** Not a call: its response, ready. */
  | { readonly kind: 'refused'; readonly json: string }

export type Body =
  | { readonly kind: 'calls'; readonly batch: boolean; readonly items: readonly BodyItem[] }
  /** The whole body is refused with one response. */
  | { readonly kind: 'refused'; readonly json: string }

export function readBody(bytes: Uint8Array): Body {
  let text: string
  try {
    text = fromUtf8(bytes)
  } catch {
    return refused({ code: CODE.parse, message: 'parse error' })
  }
  const found = outline(text, BODY_LIMITS)
  switch (found.kind) {
    case 'single':
      return readSingle(text)
    case 'batch':
      return readBatch(text, found.ranges)
    case 'malformed':
      return isJson(text) ? refused(INVALID) : refused({ code: CODE.parse, message: 'parse error' })
    case 'tooManyElements':
      return batchTooLarge(text, found.ranges)
    case 'tooDeep':
      return refused({
        code: CODE.invalidRequest,
        message: `the request nests deeper than ${BODY_LIMITS.depthMax}`,
      })
    case 'tooManyValues':
      return refused({
        code: CODE.invalidRequest,
        message: `the request holds more than ${BODY_LIMITS.valuesMax} values`,
      })
  }
}

const INVALID: RpcError = { code: CODE.invalidRequest, message: 'invalid request' }

function refused(error: RpcError): Body {
  return { kind: 'refused', json: errorText('null', error) }
}

/** A bare number or text is JSON, but no request. */
function isJson(text: string): boolean {
  return parsed(text) !== undefined
}

/** As a batch of one answer, to the first call that has an id. What is no JSON before it makes the whole no JSON, and costs no further look. */
function batchTooLarge(text: string, ranges: readonly (readonly [number, number])[]): Body {
  let idText = 'null'
  for (const [from, to] of ranges) {
    const item = readCall(text.slice(from, to).trim())
    if (item === undefined) return refused({ code: CODE.parse, message: 'parse error' })
    if (item.kind !== 'call' || item.call.notification) continue
    idText = item.call.idText
    break
  }
  const error = { code: CODE.invalidRequest, message: 'batch too large' }
  return { kind: 'refused', json: `[${errorText(idText, error)}]` }
}

function readSingle(text: string): Body {
  const item = readCall(text.trim())
  return item === undefined
    ? refused({ code: CODE.parse, message: 'parse error' })
    : { kind: 'calls', batch: false, items: [item] }
}

function readBatch(text: string, ranges: readonly (readonly [number, number])[]): Body {
  if (ranges.length === 1 && text.slice(...(ranges[0] as [number, number])).trim() === '') {
    return refused({ code: CODE.invalidRequest, message: 'empty batch' })
  }
  const values = parsed(text)
  if (values === undefined) return refused({ code: CODE.parse, message: 'parse error' })
  assert(Array.isArray(values) && values.length === ranges.length, 'an outline finds the elements of a list')
  // One look at all of the text costs less than one at each of its parts.
  const items = ranges.map(([from, to], i) => callOf(values[i], text.slice(from, to).trim()))
  return { kind: 'calls', batch: true, items }
}

/** Undefined where the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Undefined where the text is not JSON. */
function readCall(text: string): BodyItem | undefined {
  const value = parsed(text)
  return value === undefined ? undefined : callOf(value, text)
}

/** @param text that `value` was parsed from */
function callOf(value: unknown, text: string): BodyItem {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { kind: 'refused', json: errorText('null', INVALID) }
  const { jsonrpc, id, method, params } = value as Record<string, unknown>
  const hasId = Object.hasOwn(value, 'id')
  const idText = hasId ? textOfId(id, text) : 'null'
  if (idText === undefined || jsonrpc !== '2.0' || typeof method !== 'string' || method === '') {
    return { kind: 'refused', json: errorText(idText ?? 'null', INVALID) }
  }
  if (method.length > METHOD_LENGTH_MAX) {
    const message = `method name too long: ${method.length} > ${METHOD_LENGTH_MAX}`
    return { kind: 'refused', json: errorText(idText, { code: CODE.invalidRequest, message }) }
  }
  return { kind: 'call', call: { idText, method, params, requestText: text, notification: !hasId } }
}

/** The id's JSON text as it was written; undefined where it is an object or a list. */
function textOfId(id: unknown, text: string): string | undefined {
  switch (typeof id) {
    case 'number':
      return usualNumber(id, text) ?? sourceOfId(text)
    case 'string':
      return text.includes('\\') ? sourceOfId(text) : JSON.stringify(id)
    case 'object':
      return id === null ? 'null' : undefined
    default:
      return String(id)
  }
}

/** Where clients write it: second, last, or last but the version. A member beside the outer brace belongs to the request itself. */
const USUAL = /^\{"jsonrpc": ?"2\.0", ?"id": ?(\d{1,15}),|"id": ?(\d{1,15})(?:, ?"jsonrpc": ?"2\.0")?\}$/

const USUAL_START = '{"jsonrpc":"2.0","id":'

function usualNumber(id: number, text: string): string | undefined {
  const written = String(id)
  if (
    text.startsWith(USUAL_START) &&
    text.startsWith(written, USUAL_START.length) &&
    text.charCodeAt(USUAL_START.length + written.length) === COMMA
  )
    return written
  const found = USUAL.exec(text)
  const digits = found?.[1] ?? found?.[2]
  return digits !== undefined && Number(digits) === id ? digits : undefined
}

const COMMA = 44

/** JSON.parse changes integers over 2^53 and forgets how a value was written: its reviver is told. */
function sourceOfId(text: string): string {
  const sources = new Map<object, string>()
  const root: unknown = JSON.parse(text, function (
    this: object,
    key: string,
    value: unknown,
    context?: { source?: string },
  ) {
    if (key === 'id' && context?.source !== undefined) sources.set(this, context.source)
    return value
  } as never)
  const source = sources.get(root as object)
  assert(source !== undefined, 'an id that is a number or a text has a source')
  return source
}
