/**
 * `drover config show [COMMAND]`: what a command would run with, before it runs. Every option with its value and where that came from, and
 * every limit with what happens over it: those that are options and those that are not, from the tables that the code itself reads.
 */
import { quantity, shownValue } from '#cli/options/shown.ts'
import { environmentName, type Origin, resolveOptions, type Written } from '#cli/options/parse.ts'
import { nearest } from '#cli/options/nearest.ts'
import { readConfigFile } from '#cli/process/config-file.ts'
import { Fault } from '#kernel/fault.ts'
import type { LimitUnit } from '#kernel/limit.ts'
import type { OptionSpec, OptionTable } from '#ports/options.ts'
import type { Command } from './command.ts'

const options = {
  json: { flag: 'json', type: 'switch', help: 'print it as one JSON object' },
} as const satisfies OptionTable

interface ShownOption {
  readonly name: string
  readonly flag: string
  readonly environment: string
  /** In milliseconds and bytes; secrets are hidden; null where there is none. */
  readonly value: unknown
  /** `needed`: it must be given before the command can start. */
  readonly origin: Origin | 'needed'
  readonly text: string
}

interface ShownLimit {
  readonly name: string
  readonly value: number
  readonly unit: LimitUnit
  readonly what: string
  readonly over: string
  /** The flag that changes it; null where it is a constant. */
  readonly flag: string | null
}

export interface ShownConfig {
  readonly command: string
  readonly options: readonly ShownOption[]
  readonly limits: readonly ShownLimit[]
}

/** @param others every other command */
export function configShowCommand(others: readonly Command[]): Command {
  return {
    name: 'config show',
    summary: 'every option of a command with where its value comes from, and all limits',
    text: `
COMMAND is one of the others; without it all of them are shown. Options after it count as they would for the command itself.
  drover config show gateway --port 9000
  drover config show feed serve --json`,
    options,
    async run(args, everyFlag) {
      const { args: rest, file } = readConfigFile(args, process.env)
      const words = rest.filter((word) => word !== '--json')
      const command = commandOf(words, others)
      const own = command === undefined ? [] : words.slice(command.name.split(' ').length)
      const written = { args: own, environment: process.env, ...(file === undefined ? {} : { file }) }
      const chosen = command === undefined ? others : [command]
      const shown = chosen.map((each) => showConfig(each, written, everyFlag))
      const json = rest.length > words.length
      process.stdout.write(
        json ? `${JSON.stringify({ commands: shown }, null, 2)}\n` : shown.map(render).join('\n'),
      )
    },
  }
}

/** Undefined where none is named. @throws Fault options/unknown */
function commandOf(words: readonly string[], others: readonly Command[]): Command | undefined {
  const [first] = words
  if (first === undefined) return undefined
  const found = others.find(({ name }) => name.split(' ').every((word, i) => words[i] === word))
  if (found !== undefined) return found
  const names = others.map(({ name }) => name)
  const close = nearest(words.filter((word) => !word.startsWith('--')).join(' '), names)
  const hint = close === undefined ? '' : `; did you mean "${close}"?`
  throw new Fault(
    'options/unknown',
    `there is no command "${first}"${hint} (it is one of ${names.join(', ')})`,
  )
}

/** @throws Fault options/unknown, options/invalid */
export function showConfig(command: Command, written: Written, everyFlag: readonly string[]): ShownConfig {
  const { values, origins, operands } = resolveOptions(command.options, written, everyFlag)
  if (operands.length > 0)
    throw new Fault(
      'options/unknown',
      `"${operands[0]}" is neither an option of drover ${command.name} nor its value`,
    )
  return {
    command: command.name,
    options: Object.entries(command.options).map(([name, spec]) =>
      showOption(name, spec, values[name], origins[name] as Origin),
    ),
    limits: limitsOf(command, values),
  }
}

function showOption(name: string, spec: OptionSpec, value: unknown, origin: Origin): ShownOption {
  const text = shownValue(spec, value)
  return {
    name,
    flag: `--${spec.flag}`,
    environment: environmentName(spec.flag),
    value: spec.secret !== undefined && value !== undefined ? text : (value ?? null),
    origin: spec.required && value === undefined ? 'needed' : origin,
    text,
  }
}

const UNITS: Partial<Record<OptionSpec['type'], LimitUnit>> = { bytes: 'bytes', duration: 'ms' }

/** Options first. @param values of the command's options */
export function limitsOf(
  { options: table, limits = {} }: Command,
  values: Readonly<Record<string, unknown>>,
): readonly ShownLimit[] {
  const chosen = Object.entries(table).flatMap(([name, spec]) =>
    spec.over === undefined
      ? []
      : [
          {
            name,
            value: Number(values[name]),
            unit: UNITS[spec.type] ?? ('requests' as const),
            what: spec.help,
            over: spec.over,
            flag: `--${spec.flag}`,
          },
        ],
  )
  return [...chosen, ...Object.entries(limits).map(([name, limit]) => ({ name, ...limit, flag: null }))]
}

function render({ command, options: shown, limits }: ShownConfig): string {
  const rows = shown.map(({ flag, environment, text, origin }) => [
    `  ${flag}`,
    text === '' ? '–' : text,
    origin === 'environment' ? `environment (${environment})` : origin,
  ])
  const limitRows = limits.map(({ what, value, unit, over, flag }) => [
    `  ${what}`,
    quantity(value, unit),
    flag === null ? `over it: ${over}` : `over it: ${over} (${flag})`,
  ])
  return [
    `drover ${command}`,
    ...columns(rows),
    ...(limitRows.length === 0 ? [] : ['', `limits of drover ${command}`, ...columns(limitRows)]),
    '',
  ].join('\n')
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((at) => Math.max(0, ...rows.map((row) => (row[at] as string).length)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd((widths[at] ?? 0) + 2))
      .join('')
      .trimEnd(),
  )
}
