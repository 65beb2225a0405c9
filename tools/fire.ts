/**
 * `npm run fire -- PART [--quick] [--flag value …]`: runs test/fire/PART.fire.ts, or all of them. Each prints a line with its verdict and one
 * of JSON with its counts; the exit code is 1 where something did not hold, and a facility that is missing here is named.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Fire, FireReport } from '#test/fire/fire.ts'
import { partFlags } from './flags.ts'

/** Violations that are printed; the count says how many there were. */
const SHOWN_MAX = 20

const dir = join(import.meta.dirname, '..', 'test', 'fire')
const names = readdirSync(dir).flatMap((file) => (file.endsWith('.fire.ts') ? [file.slice(0, -8)] : []))

const [part, ...words] = process.argv.slice(2)
if (part === undefined || (part !== 'all' && !names.includes(part))) {
  console.error(
    `usage: npm run fire -- PART [--quick] [--help] [--flag value …]; PART is all, or one of: ${names.join(', ')}`,
  )
  process.exit(2)
}

const parts: Fire[] = []
for (const name of part === 'all' ? names : [part])
  parts.push(((await import(join(dir, `${name}.fire.ts`))) as { fire: Fire }).fire)
// A flag is of one part: all of them together have none.
const known = { names: parts.length === 1 ? (parts[0] as Fire).flags : [], switches: ['quick'] } as const
const { switches, flags } = partFlags(`fire ${part}`, known, words)

// So that what was started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

let held = true
for (const fire of parts) {
  const { name } = fire
  const missing = fire.missing?.()
  if (missing !== undefined) {
    console.log(`fire ${name}: not run, ${missing}`)
    console.log(JSON.stringify({ fire: name, ran: false, missing: [missing] }))
    continue
  }
  console.error(`${name}: ${fire.summary}`)
  const started = performance.now()
  const report = await fire.run({
    quick: switches.has('quick'),
    flags,
    say: (line) => console.error(`  ${line}`),
  })
  print(name, report, (performance.now() - started) / 1_000)
  held &&= report.violations.length === 0
}
process.exit(held ? 0 : 1)

function print(
  name: string,
  { verdict, violations, counts, missing = [] }: FireReport,
  seconds: number,
): void {
  for (const violation of violations.slice(0, SHOWN_MAX)) console.log(`  violated: ${violation}`)
  for (const one of missing) console.log(`  missing here: ${one}`)
  const outcome = violations.length === 0 ? 'held' : `FAILED (${violations.length} violations)`
  console.log(`fire ${name}: ${outcome}: ${verdict} (${Math.round(seconds)} s)`)
  const shown = violations.slice(0, SHOWN_MAX)
  console.log(
    JSON.stringify({
      fire: name,
      ran: true,
      ok: violations.length === 0,
      counts,
      missing,
      violations: shown,
    }),
  )
}
