/**
 * What every part of `npm run fire` is: something that real processes must live through, longer and rougher than a test may be, with what
 * must hold meanwhile and afterwards. A part judges by counts, never by how fast this machine is.
 */
export interface Fire {
  readonly name: string
  /** One line: what is done to what. */
  readonly summary: string
  /** Names of its own flags, each with a value. */
  readonly flags: readonly string[]
  /** Undefined where it can run here, else what is missing. */
  missing?(): string | undefined
  run(options: FireOptions): Promise<FireReport>
}

export interface FireOptions {
  /** Ends within a minute. */
  readonly quick: boolean
  /** `--flag value` pairs that are the part's own. */
  readonly flags: Readonly<Record<string, string>>
  /** For a person who waits. */
  readonly say: (line: string) => void
}

export interface FireReport {
  /** One line: what was lived through. */
  readonly verdict: string
  /** What did not hold; none is a success. */
  readonly violations: readonly string[]
  readonly counts: Readonly<Record<string, number | string>>
  /** What this machine could not do, by name. */
  readonly missing?: readonly string[]
}
