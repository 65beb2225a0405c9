/**
 * Bounds a JSON body before anything is allocated from it (8 MB of `{},` would become 171 MB of objects), and finds the elements of a
 * batch. It does not validate: what it lets through, JSON.parse judges.
 */
export interface OutlineLimits {
  readonly elementsMax: number
  readonly depthMax: number
  readonly valuesMax: number
}

export type Outline =
  | { readonly kind: 'single' }
  /** start, end of each element. */
  | { readonly kind: 'batch'; readonly ranges: readonly (readonly [from: number, to: number])[] }
  /** The ranges of those that there may be. */
  | { readonly kind: 'tooManyElements'; readonly ranges: readonly (readonly [from: number, to: number])[] }
  | { readonly kind: 'malformed' | 'tooDeep' | 'tooManyValues' }

// 1 quote, 2 opens, 3 closes, 4 comma
const CLASS = new Uint8Array(128)
CLASS['"'.charCodeAt(0)] = 1
for (const open of '[{') CLASS[open.charCodeAt(0)] = 2
for (const close of ']}') CLASS[close.charCodeAt(0)] = 3
CLASS[','.charCodeAt(0)] = 4

export function outline(text: string, limits: OutlineLimits): Outline {
  let i = skipSpace(text, 0)
  const batch = text[i] === '['
  const ranges: [number, number][] = []
  let depth = 0
  let values = 0
  let from = i + 1
  const hasEscapes = text.includes('\\')
  for (; i < text.length; i++) {
    const kind = CLASS[text.charCodeAt(i)] ?? 0
    if (kind === 0) continue
    if (kind === 1) {
      const end = hasEscapes ? endOfString(text, i) : text.indexOf('"', i + 1)
      i = end < 0 ? text.length : end
      continue
    }
    if (kind !== 3 && ++values > limits.valuesMax) return { kind: 'tooManyValues' }
    if (kind === 2) {
      if (++depth > limits.depthMax) return { kind: 'tooDeep' }
      continue
    }
    if (kind === 4 && (!batch || depth > 1)) continue
    if (kind === 3 && --depth > 0) continue
    // Each element is judged by JSON.parse; the bracket that ends the batch is part of none.
    if (depth < 0 || (batch && kind === 3 && text[i] !== ']')) return { kind: 'malformed' }
    if (batch) {
      if (ranges.length === limits.elementsMax) return { kind: 'tooManyElements', ranges }
      ranges.push([from, i])
      from = i + 1
    }
    if (kind === 3) {
      if (skipSpace(text, i + 1) < text.length) return { kind: 'malformed' }
      return batch ? { kind: 'batch', ranges } : { kind: 'single' }
    }
  }
  return { kind: 'malformed' }
}

function endOfString(text: string, quote: number): number {
  for (let i = quote + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 34) return i
    if (code === 92) i++
  }
  return text.length
}

function skipSpace(text: string, from: number): number {
  let i = from
  while (i < text.length && ' \t\n\r'.includes(text[i] as string)) i++
  return i
}
