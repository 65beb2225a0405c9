/** `npm run bench -- NAME [--quick] [--json] [--flag value …]`: runs test/bench/NAME.ts and prints its rows; with --json one closing line of JSON. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, BenchRow } from '#test/bench/bench.ts'
import { partFlags } from './flags.ts'

const dir = join(import.meta.dirname, '..', 'test', 'bench')
const names = readdirSync(dir).flatMap((file) => (file.endsWith('.bench.ts') ? [file.slice(0, -9)] : []))

const [name, ...words] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.error(
    `usage: npm run bench -- NAME [--quick] [--json] [--help] [--flag value …]; NAME is one of: ${names.join(', ')}`,
  )
  process.exit(2)
}

// So that what a benchmark started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const { bench } = (await import(join(dir, `${name}.bench.ts`))) as { bench: Bench }
const known = { names: bench.flags, switches: ['quick', 'json'] } as const
const { switches, flags } = partFlags(`bench ${name}`, known, words)
console.error(`${bench.name}: ${bench.summary}`)
const { rows, more } = await bench.run({
  quick: switches.has('quick'),
  flags,
  say: (line) => console.error(line),
})
print(rows)
if (switches.has('json')) console.log(JSON.stringify({ bench: bench.name, rows, ...more }))

/** As a table of Markdown, aligned: a column for every figure that any row has. */
function print(all: readonly BenchRow[]): void {
  const columns = [...new Set(all.flatMap((row) => Object.keys(row)))]
  const cells = all.map((row) =>
    columns.map((column) => {
      const value = row[column]
      return typeof value === 'number' ? String(Math.round(value * 100) / 100) : (value ?? '')
    }),
  )
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...cells.map((row) => String(row[i]).length)),
  )
  const rule = widths.map((width) => '-'.repeat(width))
  for (const row of [columns, rule, ...cells])
    console.log(`| ${row.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join(' | ')} |`)
}
