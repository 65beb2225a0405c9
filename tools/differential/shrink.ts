/** Makes a request that two nodes answer differently smaller, as long as they do. */
import { Fields } from './json-text.ts'
import type { Request } from './requests.ts'

const ASKED_MAX = 150

export async function shrunk(
  request: Request,
  differs: (smaller: Request) => Promise<boolean>,
): Promise<Request> {
  let smallest = request
  let asked = 0
  for (let again = true; again; ) {
    again = false
    for (const params of smaller(smallest.params)) {
      if (asked++ >= ASKED_MAX) return smallest
      const candidate = { ...smallest, params }
      if (!(await differs(candidate))) continue
      smallest = candidate
      again = true
      break
    }
  }
  return smallest
}

/** Each with one part less, outer parts first. */
export function* smaller(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) yield value.toSpliced(i, 1)
    for (const [i, part] of value.entries())
      for (const less of smaller(part)) yield value.map((each: unknown, at) => (at === i ? less : each))
  } else if (value instanceof Fields) {
    const { entries } = value
    for (let i = entries.length - 1; i >= 0; i--) yield new Fields(entries.toSpliced(i, 1))
    for (const [i, [key, part]] of entries.entries())
      for (const less of smaller(part))
        yield new Fields(entries.map((each, at) => (at === i ? ([key, less] as const) : each)))
  } else if (typeof value === 'string' && value.length > 70)
    yield value.slice(0, 2 + 2 * Math.floor((value.length - 2) / 4))
}
