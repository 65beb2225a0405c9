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

/** A log as its operators use it. */
export interface TrimmableLog extends RecordLog {
  /** Drops what lies below `before`, as far as whole segments go: the log then begins at or below it. Gives what is kept.
   *  @throws Fault feed/trim where `before` is past the end */
  trim(before: number): Promise<LogBounds>
  /** What the log consists of, ascending; what cannot be dropped in part. */
  segments(): Promise<readonly LogSegment[]>
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

export interface LogSegment extends LogBounds {
  /** On the disk. */
  readonly bytes: number
  /** Milliseconds since 1970 when it was begun, by its keeper's clock; undefined where that is not known. */
  readonly begunMs: number | undefined
}
