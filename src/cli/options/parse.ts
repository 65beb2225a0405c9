/**
 * From what the user wrote to typed values: flag, else environment, else config file, else default. The tables beside the roles say
 * what there is; an unknown name is an error that names the nearest known one, and every value remembers where it came from.
 */
import { Fault } from '#kernel/fault.ts'
import type { OptionSpec, OptionTable, OptionValues } from '#ports/options.ts'
import { nearest } from './nearest.ts'
import { parseBytes, parseDuration, parseHorizon } from './units.ts'

export type Origin = 'flag' | 'environment' | 'config file' | 'default' | 'absent'

export interface Written {
  /** After the command's name. */
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Parsed config file: flag names to values; undefined where there is none. */
  readonly file?: Readonly<Record<string, unknown>>
}

export interface Parsed<T extends OptionTable> {
  readonly values: OptionValues<T>
  readonly origins: { readonly [K in keyof T]: Origin }
  /** What is not an option: operands, in order. */
  readonly operands: readonly string[]
}

/** Environment variables that steer the program without being options of a command. */
const OTHER_VARIABLES: readonly string[] = ['DROVER_CONFIG', 'DROVER_TEST_REQUIRE', 'DROVER_TEST_RIG']

export function environmentName(flag: string): string {
  return `DROVER_${flag.toUpperCase().replaceAll('-', '_')}`
}

/**
 * @param everyFlag all flags of all commands: a variable that another command understands is not an error here
 * @throws Fault options/unknown, options/invalid, options/missing
 */
export function parseOptions<T extends OptionTable>(
  table: T,
  written: Written,
  everyFlag: readonly string[] = [],
): Parsed<T> {
  const parsed = resolveOptions(table, written, everyFlag)
  for (const [name, spec] of Object.entries(table)) {
    if (!spec.required || parsed.values[name] !== undefined) continue
    const ways = `--${spec.flag} ${spec.value ?? 'VALUE'}, ${environmentName(spec.flag)} or the config file`
    throw new Fault('options/missing', `--${spec.flag} is needed (${spec.help}): give it by ${ways}`)
  }
  return parsed
}

/** As `parseOptions`, for those who only look: what is needed may be absent. @throws Fault options/unknown, options/invalid */
export function resolveOptions<T extends OptionTable>(
  table: T,
  written: Written,
  everyFlag: readonly string[],
): Parsed<T> {
  const flags = new Map(Object.values(table).map((spec) => [spec.flag, spec]))
  const { given, operands } = readFlags(written.args, flags)
  refuseUnknownVariables(written.environment, [...flags.keys(), ...everyFlag])
  refuseUnknownKeys(written.file ?? {}, [...flags.keys(), ...everyFlag])

  const values: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  for (const [name, spec] of Object.entries(table)) {
    const { text, origin } = lookUp(spec, given, written)
    origins[name] = origin
    values[name] =
      text === undefined ? (spec.type === 'switch' ? false : undefined) : valueOf(spec, text, origin)
  }
  return { values: values as OptionValues<T>, origins: origins as Parsed<T>['origins'], operands }
}

function readFlags(
  args: readonly string[],
  flags: ReadonlyMap<string, OptionSpec>,
): { given: Map<string, string>; operands: string[] } {
  const given = new Map<string, string>()
  const operands: string[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string
    if (word === '--') {
      operands.push(...args.slice(i + 1)) // another command's own
      break
    }
    if (!word.startsWith('--')) {
      operands.push(word)
      continue
    }
    const [name, inline] = splitOnce(word.slice(2))
    const spec = flags.get(name)
    if (spec === undefined) {
      const close = nearest(name, [...flags.keys(), 'help'])
      throw new Fault(
        'options/unknown',
        `--${name} is not an option here${close === undefined ? '' : `; did you mean --${close}?`} (--help lists them)`,
      )
    }
    const separate = spec.type !== 'switch' && inline === undefined
    const value = inline ?? (separate ? args[++i] : 'true')
    if (value === undefined) throw new Fault('options/invalid', `--${name} needs a value: ${spec.help}`)
    if (given.has(name) && spec.type !== 'list') {
      throw new Fault('options/invalid', `--${name} is given twice; give it once`)
    }
    given.set(name, given.has(name) ? `${given.get(name)},${value}` : value)
  }
  return { given, operands }
}

function splitOnce(word: string): [string, string?] {
  const at = word.indexOf('=')
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

function lookUp(
  spec: OptionSpec,
  given: ReadonlyMap<string, string>,
  written: Written,
): { text: string | undefined; origin: Origin } {
  const flag = given.get(spec.flag)
  if (flag !== undefined) return { text: flag, origin: 'flag' }
  const variable = written.environment[environmentName(spec.flag)]
  if (variable !== undefined) return { text: variable, origin: 'environment' }
  const entry = written.file?.[spec.flag]
  if (entry !== undefined) {
    const text = Array.isArray(entry) ? entry.join(',') : String(entry)
    return { text, origin: 'config file' }
  }
  return spec.default === undefined
    ? { text: undefined, origin: 'absent' }
    : { text: spec.default, origin: 'default' }
}

function valueOf(spec: OptionSpec, text: string, origin: Origin): unknown {
  const invalid = (want: string): Fault =>
    new Fault(
      'options/invalid',
      `--${spec.flag} (from ${origin}) is "${text}", but it must be ${want}: ${spec.help}`,
    )
  const bounded = (value: number | undefined, want: string): number => {
    if (value === undefined || !Number.isSafeInteger(value)) throw invalid(want)
    if (spec.min !== undefined && value < spec.min) throw invalid(`at least ${spec.min}`)
    if (spec.max !== undefined && value > spec.max) throw invalid(`at most ${spec.max}`)
    return value
  }
  switch (spec.type) {
    case 'text':
      if (text === '') throw invalid('a text that is not empty')
      return text
    case 'integer':
      return bounded(/^\d{1,15}$/.test(text) ? Number(text) : undefined, 'a whole number')
    case 'duration':
      return bounded(parseDuration(text), 'a duration such as 250ms, 2s or 5m')
    case 'bytes':
      return bounded(parseBytes(text), 'a size such as 900KB, 64MB or 1GB')
    case 'horizon': {
      const horizon = parseHorizon(text)
      if (horizon === undefined) throw invalid('blocks, a time such as 12h, a size such as 20GB, or all')
      if (horizon.kind === 'blocks') bounded(horizon.blocks, 'a number of blocks')
      return horizon
    }
    case 'choice':
      if (!spec.choices?.includes(text)) throw invalid(`one of ${spec.choices?.join(', ')}`)
      return text
    case 'list':
      return text === '' ? [] : text.split(',').map((item) => item.trim())
    case 'switch':
      if (text !== 'true' && text !== 'false') throw invalid('true or false')
      return text === 'true'
  }
}

function refuseUnknownVariables(environment: Written['environment'], flags: readonly string[]): void {
  const known = [...flags.map(environmentName), ...OTHER_VARIABLES]
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('DROVER_') || known.includes(name)) continue
    const close = nearest(name, known)
    throw new Fault(
      'options/unknown',
      `the environment variable ${name} is not known${close === undefined ? '' : `; did you mean ${close}?`}`,
    )
  }
}

function refuseUnknownKeys(file: Readonly<Record<string, unknown>>, flags: readonly string[]): void {
  for (const key of Object.keys(file)) {
    if (flags.includes(key)) continue
    const close = nearest(key, flags)
    throw new Fault(
      'options/unknown',
      `the config file has "${key}", which is not an option${close === undefined ? '' : `; did you mean "${close}"?`}`,
    )
  }
}
