/** Runs recordings against an endpoint, one after another, and judges each answer (../shared/conformance/README.md has the rules). */
import { firstDifference, parseExactly, shown } from './judge.ts'
import type { ResultSchemas } from './result-schemas.ts'
import { readRecording, type Recording } from './suite.ts'

export type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly why: string }
  /** It cannot be judged here. */
  | { readonly kind: 'skipped'; readonly why: string }

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface Endpoint {
  /** The answer's text. */
  ask(request: string): Promise<string>
}

export interface Judges {
  readonly endpoint: Endpoint
  /** Undefined where there is no description: files that only it can judge are skipped. */
  readonly schemas: ResultSchemas | undefined
}

export async function runSuite(
  { dir, files }: { readonly dir: string; readonly files: readonly string[] },
  judges: Judges,
  report: (file: string, verdict: Verdict) => void,
): Promise<Counts> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const file of files) {
    const verdict = await runFile(dir, file, judges)
    counts[verdict.kind]++
    report(file, verdict)
  }
  return counts
}

async function runFile(dir: string, file: string, judges: Judges): Promise<Verdict> {
  try {
    return await runRecording(readRecording(dir, file), judges)
  } catch (thrown) {
    return { kind: 'failed', why: (thrown as Error).message }
  }
}

export async function runRecording(
  { specOnly, exchanges }: Recording,
  { endpoint, schemas }: Judges,
): Promise<Verdict> {
  if (exchanges.length === 0) return { kind: 'skipped', why: 'it has no requests' }
  if (specOnly && schemas === undefined)
    return { kind: 'skipped', why: 'only its shape counts, and there is no description to judge it by' }
  for (const [i, { request, answer }] of exchanges.entries()) {
    const text = await endpoint.ask(request)
    if (answer === undefined) continue
    const why =
      specOnly && schemas !== undefined ? shape(request, answer, text, schemas) : exact(answer, text)
    if (why !== undefined)
      return { kind: 'failed', why: exchanges.length > 1 ? `request ${i + 1}: ${why}` : why }
  }
  return { kind: 'passed' }
}

function exact(answer: string, text: string): string | undefined {
  let got: unknown
  try {
    got = parseExactly(text)
  } catch {
    return `the answer is not JSON: ${text.slice(0, TEXT_SHOWN)}`
  }
  const expected = parseExactly(answer)
  const refusal = has('result', expected) && has('error', got) ? got.error : undefined
  return refusal === undefined
    ? firstDifference(expected, got)
    : `expected a result, got the error ${shown(refusal)}`
}

function has<Key extends string>(key: Key, value: unknown): value is Record<Key, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
}

/** An error is judged as it was recorded; a result by its schema alone. */
function shape(request: string, answer: string, text: string, schemas: ResultSchemas): string | undefined {
  let got: unknown
  try {
    got = JSON.parse(text)
  } catch {
    return `the answer is not JSON: ${text.slice(0, TEXT_SHOWN)}`
  }
  if (typeof got !== 'object' || got === null || Array.isArray(got) || has('error', got))
    return exact(answer, text)
  const { method } = JSON.parse(request) as { method: string }
  if (!has('result', got)) return 'result: the answer has none'
  const wrong = schemas.check(method, got.result)
  return wrong === undefined ? undefined : `result: ${wrong}`
}
const TEXT_SHOWN = 160
