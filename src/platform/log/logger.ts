/** Log lines on standard error: for people on a terminal, one JSON object a line elsewhere. Written synchronously, so that a crash loses none. */
import { writeSync } from 'node:fs'
import type { Fields, Logger } from '#ports/logger.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LEVELS)[number]
export type LogFormat = 'people' | 'json'

const COLOURS: Record<LogLevel, string> = {
  debug: '\u001b[2m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
}
const PLAIN = '\u001b[0m'

export function createLogger(options: {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly fields?: Fields
  readonly write?: (line: string) => void
}): Logger {
  const write = options.write ?? writeToStandardError
  const own = options.fields ?? {}
  const lowest = LEVELS.indexOf(options.level)
  const log =
    (level: LogLevel) =>
    (message: string, fields: Fields = {}) => {
      if (LEVELS.indexOf(level) < lowest) return
      const all = { ...own, ...fields }
      write(options.format === 'json' ? jsonLine(level, message, all) : peopleLine(level, message, all))
    }
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    with: (fields) => createLogger({ ...options, fields: { ...own, ...fields } }),
  }
}

function jsonLine(level: LogLevel, message: string, fields: Fields): string {
  const plain = Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]),
  )
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...plain })}\n`
}

function peopleLine(level: LogLevel, message: string, fields: Fields): string {
  const time = new Date().toISOString().slice(11, 23)
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(',') : String(value)}`)
  return `${time} ${COLOURS[level]}${level.padEnd(5)}${PLAIN} ${message}${pairs.length === 0 ? '' : `  ${pairs.join(' ')}`}\n`
}

function writeToStandardError(line: string): void {
  try {
    writeSync(2, line)
  } catch (thrown) {
    // Nobody reads any more (a closed pipe), or the reader is slow and the pipe non-blocking: a lost line must not end the process.
    if (!['EPIPE', 'EAGAIN'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown
  }
}
