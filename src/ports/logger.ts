/** A constant message and fields. error: someone must act; warn: degraded but healing; info: rare lifecycle; debug: per message. */
export interface Logger {
  error(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  debug(message: string, fields?: Fields): void
  /** A logger whose lines all carry these fields. */
  with(fields: Fields): Logger
}

export type Fields = Readonly<
  Record<string, string | number | boolean | bigint | undefined | readonly string[]>
>

/** For tests: nothing is written. */
export const silent: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  with: () => silent,
}
