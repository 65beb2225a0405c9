/**
 * Objects as Go's encoding/json reads them into a struct: fields in the order of the text, their names in any case, unknown ones ignored.
 * What is of the wrong kind is only remembered, and said at the end; what a type's own UnmarshalJSON refuses ends the reading at once.
 */
import type { RpcFailure } from '#rpc/errors.ts'
import { cannot, goKind, type Into } from './geth-hex.ts'

/** The first error of a wrong kind within one reading. */
export interface Remembered {
  error?: RpcFailure
}

/** One reading (one json.Unmarshal). @throws RpcFailure */
export function reading<T>(read: (remembered: Remembered) => T): T {
  const remembered: Remembered = {}
  const out = read(remembered)
  if (remembered.error !== undefined) throw remembered.error
  return out
}

/** The fields among `names` that an object has, as they were written; a value of null is given as null. */
export function* structFields<Name extends string>(
  json: object,
  names: ReadonlyMap<string, Name>,
): Generator<readonly [name: Name, value: unknown]> {
  for (const [key, value] of Object.entries(json)) {
    const name = nameOf(names, key)
    if (name !== undefined) yield [name, value]
  }
}

/** Which field a key is; undefined where it is none. */
export function nameOf<Name extends string>(names: ReadonlyMap<string, Name>, key: string): Name | undefined {
  return names.get(key) ?? names.get(folded(key))
}

/** Of a struct: by the name and by its folded form. */
export function fieldNames<Name extends string>(...names: readonly Name[]): ReadonlyMap<string, Name> {
  return new Map(names.flatMap((name) => [[name, name] as const, [folded(name), name] as const]))
}

/** Two letters beyond ASCII are the same as one of it, as Go folds. */
function folded(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's')
}

export function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object, or undefined where the value is none, which is remembered. */
export function objectOf(value: unknown, into: Into, remembered: Remembered): object | undefined {
  if (isPlainObject(value)) return value
  remembered.error ??= cannot(goKind(value), into)
  return undefined
}

/** A list, or undefined where the value is none, which is remembered. */
export function listOf(value: unknown, into: Into, remembered: Remembered): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  remembered.error ??= cannot(goKind(value), into)
  return undefined
}
