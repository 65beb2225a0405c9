/** What every benchmark is: a name, and rows measured in one interleaved run beside its baselines. `npm run bench -- NAME` runs it. */
export interface BenchRow {
  /** The method or work: `eth_getBalance`, `apply M1`. */
  readonly what: string
  /** Who did it: `replica`, `gateway`, `geth`, `anvil`, `node:http`, or the name of a bare baseline. */
  readonly server: string
  readonly connections?: number
  /** CPU microseconds per request or per `unit`, the median of the rounds. */
  readonly us?: number
  /** Anything else that was measured; units last in the name. */
  readonly [figure: string]: string | number | undefined
}

export interface BenchOptions {
  /** Ends within 40 s. */
  readonly quick: boolean
  /** `--flag value` pairs that are the benchmark's own. */
  readonly flags: Readonly<Record<string, string>>
  /** For a person who waits. */
  readonly say: (line: string) => void
}

export interface Bench {
  readonly name: string
  /** One line: what is measured against what. */
  readonly summary: string
  /** Names of its own flags, each with a value. */
  readonly flags: readonly string[]
  run(options: BenchOptions): Promise<{
    readonly rows: readonly BenchRow[]
    /** More of the closing line of `--json`, beside bench and rows. */
    readonly more?: Readonly<Record<string, string | number>>
  }>
}
