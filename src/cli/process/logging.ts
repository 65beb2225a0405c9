/** The log options that every command has, and the logger made from them. */
import type { Logger } from '#ports/logger.ts'
import type { OptionTable } from '#ports/options.ts'
import { createLogger, type LogFormat, type LogLevel } from '#platform/log/logger.ts'

export const logOptions = {
  logLevel: {
    flag: 'log-level',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    help: 'how much is logged',
  },
  logFormat: {
    flag: 'log-format',
    type: 'choice',
    choices: ['auto', 'people', 'json'],
    default: 'auto',
    help: 'auto: for people on a terminal, JSON lines elsewhere',
  },
} as const satisfies OptionTable

export interface LogSettings {
  readonly logLevel: string
  readonly logFormat: string
}

export function loggerFor(process_: string, settings: LogSettings): Logger {
  const format: LogFormat =
    settings.logFormat === 'auto'
      ? process.stderr.isTTY
        ? 'people'
        : 'json'
      : (settings.logFormat as LogFormat)
  return createLogger({ level: settings.logLevel as LogLevel, format, fields: { process: process_ } })
}
