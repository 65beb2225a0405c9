/** Options as data: the command line, environment, config file, help and docs all come from one table per role. */
export interface OptionSpec {
  /** Without dashes, kebab-case: `block-time`. The environment name is DROVER_ and the flag in upper snake case. */
  readonly flag: string
  readonly type: 'text' | 'integer' | 'duration' | 'bytes' | 'choice' | 'list' | 'switch' | 'horizon'
  /** As the user would write it; undefined where there is none (then `required` or absent). */
  readonly default?: string
  readonly required?: true
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** One line, for a person. */
  readonly help: string
  /** What the value is called in the help: `--data DIR`. */
  readonly value?: string
  /** This option is a limit: what happens to whatever is over it. */
  readonly over?: string
  /** Never shown: all of it, or of an address what is not scheme, host and port. */
  readonly secret?: 'value' | 'url'
}

/** How far back something is kept: blocks, a time by the chain's own clock, a size, or everything. */
export type Horizon =
  | { readonly kind: 'blocks'; readonly blocks: number }
  | { readonly kind: 'time'; readonly seconds: number }
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'all' }

/** Property name (camelCase, units last) → its option. */
export type OptionTable = Readonly<Record<string, OptionSpec>>

/** The parsed values of a table: durations in milliseconds, sizes in bytes. */
export type OptionValues<T extends OptionTable> = {
  readonly [K in keyof T]:
    | Value<T[K]>
    | (T[K] extends { default: string } | { required: true } | { type: 'switch' } ? never : undefined)
}
type Value<S extends OptionSpec> = S['type'] extends 'integer' | 'duration' | 'bytes'
  ? number
  : S['type'] extends 'list'
    ? readonly string[]
    : S['type'] extends 'switch'
      ? boolean
      : S['type'] extends 'horizon'
        ? Horizon
        : string
