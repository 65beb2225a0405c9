/**
 * The feed as an ordered log of opaque records. Positions grow by one from record to record; a record is readable only after it
 * is durable. Implementations: the embedded log through its host, Kafka, the simulated log. One contract test runs on all.
 */
export interface RecordLog {
  /** Appends in this order with nothing of another writer between; resolves to the positions once durable. */
  append(records: readonly Uint8Array[]): Promise<readonly number[]>
  /** Records from `from` on, at least one if there is one, else none; at most about `maxBytes`.
   *  @throws Fault feed/too-old where `from` is below the first kept position */
  read(from: number, options: { readonly maxBytes: number }): Promise<readonly LogRecord[]>
  /** Records from `from` on as they become readable, for ever; ends when the signal is aborted or throws when the log is lost. */
  tail(from: number, signal: AbortSignal): AsyncIterable<readonly LogRecord[]>
  bounds(): Promise<LogBounds>
  /** Tells this log from every other that ever stood at the same address. */
  identity(): Promise<string>
  close(): Promise<void>
}

export interface LogRecord {
  readonly position: number
  readonly bytes: Uint8Array
}

export interface LogBounds {
  /** The first readable position. */
  readonly first: number
  /** One past the last readable position: equal to `first` when empty. */
  readonly next: number
}
