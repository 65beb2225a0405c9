/**
 * A limit as data. The code that keeps it reads `value`; `drover config show` and docs/limits.md show the same object, so that what is
 * written down cannot drift from what happens. A limit that an operator should choose is an option instead (ports/options.ts, `over`).
 */
export interface Limit {
  readonly value: number
  readonly unit: LimitUnit
  /** What is limited, for a person. */
  readonly what: string
  /** What happens to whatever is over it. */
  readonly over: string
}

/** Bytes and milliseconds are shown as people write them; the others are counted things. */
export type LimitUnit =
  | 'bytes'
  | 'ms'
  | 'percent'
  | 'requests'
  | 'calls'
  | 'connections'
  | 'blocks'
  | 'logs'
  | 'rows'
  | 'records'
  | 'values'
  | 'levels'
  | 'characters'
  | 'headers'
  | 'chunks'
  | 'transactions'
  | 'attempts'
  | 'readers'

/** Name (camelCase, units last) → limit. One table beside each role. */
export type LimitTable = Readonly<Record<string, Limit>>
