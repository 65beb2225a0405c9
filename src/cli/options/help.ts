/** Help of a command, made from its option table. */
import type { LimitTable } from '#kernel/limit.ts'
import type { OptionSpec, OptionTable } from '#ports/options.ts'
import { environmentName } from './parse.ts'

export interface CommandHelp {
  readonly name: string
  /** One line. */
  readonly summary: string
  /** A few lines more: what it does and a line to paste. */
  readonly text: string
  readonly options: OptionTable
  /** Limits that are no option. */
  readonly limits?: LimitTable
}

const VALUE_NAMES: Record<OptionSpec['type'], string> = {
  text: 'TEXT',
  integer: 'N',
  duration: 'DURATION',
  bytes: 'SIZE',
  horizon: 'BLOCKS|TIME|SIZE|all',
  choice: 'CHOICE',
  list: 'A,B,…',
  switch: '',
}

export function renderHelp(command: CommandHelp): string {
  const rows = Object.values(command.options).map((spec) => [
    `--${spec.flag} ${valueName(spec)}`.trimEnd(),
    spec.help + defaultText(spec),
  ])
  rows.push(['--config FILE', 'options from a JSON file: flag names and values (environment: DROVER_CONFIG)'])
  rows.push(['--help', 'this text'])
  const width = Math.max(...rows.map(([left = '']) => left.length)) + 2
  const lines = rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}${right}`)
  const example = Object.values(command.options)[0]
  const variables =
    example === undefined
      ? ''
      : `\nEvery option is also an environment variable: --${example.flag} is ${environmentName(example.flag)}.\n`
  return `drover ${command.name}: ${command.summary}\n\n${command.text.trim()}\n\nOptions\n${lines.join('\n')}\n${variables}`
}

export function valueName(spec: OptionSpec): string {
  return spec.value ?? spec.choices?.join('|') ?? VALUE_NAMES[spec.type]
}

function defaultText(spec: OptionSpec): string {
  if (spec.required) return ' (needed)'
  return spec.default === undefined || spec.type === 'switch' ? '' : ` (default ${spec.default})`
}
