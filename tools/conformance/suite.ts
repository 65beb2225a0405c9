/**
 * The recorded exchanges of a suite (execution-apis' layout: METHOD/name.io). A file is lines: `// …` comments, `>> ` a request, `<< ` the
 * answer that the last request had. A comment before the first request that begins with `speconly:` says that only the shape counts.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

export interface Exchange {
  /** JSON text, sent as it stands. */
  readonly request: string
  /** JSON text; undefined where the file records no answer. */
  readonly answer: string | undefined
}

export interface Recording {
  readonly specOnly: boolean
  readonly exchanges: readonly Exchange[]
}

const ENDING = '.io'

/** Paths below `dir`, with `/`, in the order in which they are run. */
export function suiteFiles(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ENDING))
    .map((path) => path.split(sep).join('/'))
    .sort()
}

/** @throws Error where a line is none of the three kinds, or an answer has no request */
export function readRecording(dir: string, path: string): Recording {
  return parseRecording(readFileSync(join(dir, path), 'utf8'))
}

export function parseRecording(text: string): Recording {
  const exchanges: { request: string; answer: string | undefined }[] = []
  let specOnly = false
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '') continue
    const rest = line.slice(2).trim()
    const last = exchanges.at(-1)
    if (line.startsWith('//')) specOnly ||= last === undefined && rest.startsWith('speconly:')
    else if (line.startsWith('>>')) exchanges.push({ request: rest, answer: undefined })
    else if (line.startsWith('<<') && last !== undefined && last.answer === undefined) last.answer = rest
    else if (line.startsWith('<<')) throw new Error(`line ${i + 1}: an answer to no request`)
    else throw new Error(`line ${i + 1} is neither //, >> nor <<`)
  }
  return { specOnly, exchanges }
}
