/** Command lines of the project's own tools: what is not known, or is no number, is named with what is known, and nothing is run. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { messageOf } from '#kernel/fault.ts'

/** `--flag value` pairs by name. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>

/** Ends the process with 2, or with 0 after `--help`. @param tool as in `npm run TOOL --` */
export function readFlags<const O extends ParseArgsOptionsConfig>(
  tool: string,
  options: O,
  args: readonly string[] = process.argv.slice(2),
): ReturnType<typeof parseArgs<{ options: O }>>['values'] {
  if (args.includes('--help')) {
    console.log(usageOf(tool, options))
    process.exit(0)
  }
  try {
    return parseArgs({ options, args }).values
  } catch (thrown) {
    return refuse(tool, `${messageOf(thrown).split('. ')[0]}\n${usageOf(tool, options)}`)
  }
}

/** Of a part of `npm run TOOL -- PART`: its own flags, all with a value, and `switches` without. */
export function partFlags<const S extends string>(
  tool: string,
  { names, switches }: { readonly names: readonly string[]; readonly switches: readonly S[] },
  args: readonly string[],
): { readonly switches: ReadonlySet<S>; readonly flags: Readonly<Record<string, string>> } {
  const options: ParseArgsOptionsConfig = Object.fromEntries([
    ...switches.map((name) => [name, { type: 'boolean' }] as const),
    ...names.map((name) => [name, { type: 'string' }] as const),
  ])
  const values = readFlags(tool, options, args) as Flags // no flag is given twice
  const given = names.filter((name) => values[name] !== undefined)
  return {
    switches: new Set(switches.filter((name) => values[name] === true)),
    flags: Object.fromEntries(given.map((name) => [name, String(values[name])])),
  }
}

export function refuse(tool: string, why: string): never {
  console.error(`${tool}: ${why}`)
  process.exit(2)
}

/** A whole number, or what is used without the flag. */
export function wholeFlag(flags: Flags, name: string, otherwise: number, least = 1): number {
  const value = numberFlag(flags, name, otherwise)
  return Number.isSafeInteger(value) && value >= least
    ? value
    : refuse(`--${name}`, `a whole number from ${least} on is wanted, not ${value}`)
}

/** A number from 0 on. */
export function numberFlag(flags: Flags, name: string, otherwise: number): number {
  const text = flags[name]
  if (text === undefined) return otherwise
  const value = text === '' ? Number.NaN : Number(text)
  return value >= 0 ? value : refuse(`--${name}`, `a number is wanted, not ${text}`)
}

/** One of some words; undefined where the flag is not given. */
export function wordFlag<const W extends string>(
  flags: Flags,
  name: string,
  words: readonly W[],
): W | undefined {
  const text = flags[name]
  if (text === undefined) return undefined
  const word = words.find((each) => each === text)
  return word ?? refuse(`--${name}`, `one of ${words.join(', ')} is wanted, not ${text}`)
}

function usageOf(tool: string, options: ParseArgsOptionsConfig): string {
  const flags = Object.entries(options).map(([name, { type, default: otherwise }]) =>
    type === 'boolean' ? `[--${name}]` : `[--${name} ${otherwise === undefined ? '…' : String(otherwise)}]`,
  )
  return `usage: npm run ${tool} -- ${flags.join(' ')}`
}
