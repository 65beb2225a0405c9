/**
 * Documentation that follows from the code: options and limits from the tables, metrics from their declarations (both written by
 * `node tools/docs.ts`), and error codes, whose prose is written by hand but must name each code that can be thrown and no other.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { limitsOf } from '#cli/command/config.ts'
import { commands } from '#cli/commands.ts'
import { valueName } from '#cli/options/help.ts'
import { environmentName, resolveOptions } from '#cli/options/parse.ts'
import { quantity } from '#cli/options/shown.ts'

const sources = (): string[] =>
  globSync('src/**/*.ts')
    .filter((file) => !/\.(test|contract)\.ts$|\/testing\/|\/gen\//.test(file))
    .sort()

export function renderOptions(): string {
  const sections = commands.map((command) => {
    const rows = Object.values(command.options).map((spec) => {
      const value = spec.default === undefined ? (spec.required ? 'needed' : '') : `\`${spec.default}\``
      const flag = `\`--${spec.flag} ${valueName(spec)}`.trimEnd().replaceAll('|', '\\|')
      return `| ${flag}\` | \`${environmentName(spec.flag)}\` | ${value} | ${spec.help.replaceAll('|', '\\|')} |`
    })
    const table =
      rows.length === 0 ? [] : ['| flag | environment | default | what |', '|---|---|---|---|', ...rows, '']
    return [`## drover ${command.name}`, '', `${command.summary}`, '', ...table].join('\n')
  })
  return `# Options

Made from the option tables by \`node tools/docs.ts\`. A value comes from the flag, else the environment, else the config file
(\`--config FILE\`, JSON: flag names and values), else the default. An unknown name is an error that names the nearest known one.

${sections.join('\n')}`
}

export function renderLimits(): string {
  const sections = commands.flatMap((command) => {
    const { values } = resolveOptions(command.options, { args: [], environment: {} }, [])
    const limits = limitsOf(command, values)
    if (limits.length === 0) return []
    const rows = limits.map(
      ({ what, value, unit, over, flag }) =>
        `| ${what.replaceAll('|', '\\|')} | ${quantity(value, unit)} | ${over} | ${flag === null ? '' : `\`${flag}\``} |`,
    )
    return [
      `## drover ${command.name}`,
      '',
      '| what | limit | over it | option |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n')
  })
  return `# Limits

Made by \`node tools/docs.ts\` from the tables that the code itself reads. Those with an option can be chosen; \`drover config show COMMAND\`
shows what is in force. Over a limit something is refused or waits; the process lives.

${sections.join('\n')}`
}

export function renderMetrics(): string {
  const rows = sources().flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(METRIC)].map(
      ([, kind, name, , help]) => `| \`${name}\` | ${kind} | ${help} |`,
    ),
  )
  return `# Metrics

Made from their declarations by \`node tools/docs.ts\`; served as Prometheus text at \`/metrics\`.

| name | kind | what |
|---|---|---|
${[...new Set(rows)].sort().join('\n')}
`
}

const METRIC = /\.(counter|gauge|histogram)\(\s*'(drover_[a-z_]+)',\s*(['"`])((?:(?!\3).)*)\3/g
const FAULT = /(?:new Fault\(\s*|code: )'([a-z-]+\/[a-z-]+)'/g

/** Error codes thrown and not documented, or documented and thrown nowhere. */
export function errorCodeDrift(page: string): string[] {
  const thrown = new Set(
    sources().flatMap((file) => [...readFileSync(file, 'utf8').matchAll(FAULT)].map(([, code]) => code)),
  )
  const documented = new Set([...page.matchAll(/^\| `([a-z-]+\/[a-z-]+)` \|/gm)].map(([, code]) => code))
  return [
    ...[...thrown]
      .filter((code) => !documented.has(code))
      .map((code) => `docs/errors.md does not explain ${code}`),
    ...[...documented]
      .filter((code) => !thrown.has(code))
      .map((code) => `docs/errors.md explains ${code}, which nothing throws`),
  ]
}

const GENERATED = {
  'docs/options.md': renderOptions,
  'docs/limits.md': renderLimits,
  'docs/metrics.md': renderMetrics,
}

/** What `npm run check` says about the docs. */
export async function checkGeneratedDocs(): Promise<readonly string[]> {
  const stale = Object.entries(GENERATED)
    .filter(([file, render]) => !existsSync(file) || readFileSync(file, 'utf8') !== render())
    .map(([file]) => `${file} is stale: run node tools/docs.ts`)
  return [...stale, ...errorCodeDrift(readFileSync('docs/errors.md', 'utf8'))]
}

if (import.meta.main) for (const [file, render] of Object.entries(GENERATED)) writeFileSync(file, render())
