/** `npm run bench -- NAME [--quick] [--json] [--flag value …]`: runs test/bench/NAME.ts and prints its rows; with --json one closing line of JSON. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, BenchRow } from '#test/bench/bench.ts'

const dir = join(import.meta.dirname, '..', 'test', 'bench')
const names = readdirSync(dir).flatMap((file) => (file.endsWith('.bench.ts') ? [file.slice(0, -9)] : []))

const [name, ...words] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [--quick] [--json]; NAME is one of: ${names.join(', ')}`)
  process.exit(2)
}
const switches = new Set<string>(words.filter((word) => word === '--quick' || word === '--json'))
const rest = words.filter((word) => !switches.has(word))
if (rest.length % 2 !== 0 || rest.some((word, i) => word.startsWith('--') !== (i % 2 === 0))) {
  console.error(`bench ${name}: ${rest.join(' ')} is not a list of --flag value`)
  process.exit(2)
}
const flags = Object.fromEntries(
  rest.flatMap((word, i) => (i % 2 === 0 ? [[word.slice(2), rest[i + 1] ?? '']] : [])),
)

// So that what a benchmark started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const { bench } = (await import(join(dir, `${name}.bench.ts`))) as { bench: Bench }
console.error(`${bench.name}: ${bench.summary}`)
const { rows, more } = await bench.run({
  quick: switches.has('--quick'),
  flags,
  say: (line) => console.error(line),
})
print(rows)
if (switches.has('--json')) console.log(JSON.stringify({ bench: bench.name, rows, ...more }))

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
