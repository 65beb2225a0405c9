/** The Logger port of one life: warnings and errors are lines of the trace, the rest too where the run is to be read by a person. */
import type { Fields, Logger } from '#ports/logger.ts'
import type { World } from './world.ts'

/** Said by production code only where it met a bug or a broken store. */
const NEVER_SAID: readonly string[] = ['a request failed', 'a call failed']

export function createLifeLog(name: string, world: World, isAlive: () => boolean): Logger {
  const say = (level: string, message: string, fields: Fields): void => {
    if (!isAlive()) return
    world.trace.line(name, `${level} ${message}${text(fields)}`)
    if (NEVER_SAID.includes(message)) world.violate('bug', `${name} says: ${message}${text(fields)}`)
  }
  const logger = (own: Fields): Logger => ({
    error: (message, fields) => say('error', message, { ...own, ...fields }),
    warn: (message, fields) => say('warn', message, { ...own, ...fields }),
    info: (message, fields) => {
      if (world.isVerbose) say('info', message, { ...own, ...fields })
    },
    debug: () => {},
    with: (fields) => logger({ ...own, ...fields }),
  })
  return logger({})
}

function text(fields: Fields): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? '' : ` {${entries.map(([k, v]) => `${k}: ${String(v)}`).join(', ')}}`
}
