/**
 * When an answer equals a recorded one: structurally, strings exactly, in any order of keys. Of an object under a key `error` the `message`
 * does not count where both sides have one.
 */
const SHOWN_MAX = 160
/** Integers from here on do not survive as doubles. */
const LONG_NUMBER = /[[:,\s]-?\d{16}/

/** As JSON.parse, but integers that a double cannot hold are bigints. @throws SyntaxError */
export function parseExactly(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text)
  return JSON.parse(text, ((_key: string, value: unknown, context?: { source?: string }) =>
    Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? 0)
      : value) as never)
}

interface Rules {
  /** Whether the words of errors count. */
  readonly words: 'count' | 'aside'
}

/** Where the two differ first, in words; undefined where they do not. */
export function firstDifference(
  expected: unknown,
  got: unknown,
  rules: Rules = { words: 'aside' },
): string | undefined {
  return difference(expected, got, '', rules)
}

function difference(expected: unknown, got: unknown, path: string, rules: Rules): string | undefined {
  if (Array.isArray(expected) && Array.isArray(got)) return listDifference(expected, got, path, rules)
  if (isObject(expected) && isObject(got)) return objectDifference(expected, got, path, rules)
  return Object.is(expected, got) || (expected === 0 && got === 0)
    ? undefined
    : `${path || 'the answer'}: expected ${shown(expected)}, got ${shown(got)}`
}

function listDifference(
  expected: readonly unknown[],
  got: readonly unknown[],
  path: string,
  rules: Rules,
): string | undefined {
  for (let i = 0; i < Math.min(expected.length, got.length); i++) {
    const found = difference(expected[i], got[i], `${path}[${i}]`, rules)
    if (found !== undefined) return found
  }
  return expected.length === got.length
    ? undefined
    : `${path || 'the answer'}: expected ${expected.length} elements, got ${got.length}`
}

type JsonObject = Readonly<Record<string, unknown>>

function objectDifference(
  expected: JsonObject,
  got: JsonObject,
  path: string,
  rules: Rules,
): string | undefined {
  const isError = rules.words === 'aside' && (path === 'error' || path.endsWith('.error'))
  const wordsAside = isError && Object.hasOwn(expected, 'message') && Object.hasOwn(got, 'message')
  for (const [key, value] of Object.entries(expected)) {
    const at = path === '' ? key : `${path}.${key}`
    if (!Object.hasOwn(got, key)) return `${at}: expected ${shown(value)}, got nothing`
    if (wordsAside && key === 'message') continue
    const found = difference(value, got[key], at, rules)
    if (found !== undefined) return found
  }
  const more = Object.keys(got).find((key) => !Object.hasOwn(expected, key))
  return more === undefined
    ? undefined
    : `${path === '' ? more : `${path}.${more}`}: expected nothing, got ${shown(got[more])}`
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ??
    'nothing'
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (${text.length} characters)` : text
}
