/**
 * What a master does for its execution client beside reading it, where its operator asks for it: each says how it stands once, in the log
 * and in `drover maintain --status`, and again only when that changes. A client that does not offer something is no fault of the master's.
 */
import type { Fields, Logger } from '#ports/logger.ts'

export type AidName = 'flush control' | 'peering' | 'engine help'

export interface Aid {
  readonly what: AidName
  /** As a person reads it. */
  readonly state: string
}

export interface Aids {
  /** Says it where it is news. */
  tell(what: AidName, state: string, level: 'info' | 'warn', facts?: Fields): void
  all(): readonly Aid[]
}

export function createAids(log: Logger): Aids {
  const states = new Map<AidName, string>()
  return {
    tell(what, state, level, facts) {
      if (states.get(what) === state) return
      states.set(what, state)
      log[level](what, { state, ...facts })
    },
    all: () => [...states].map(([what, state]) => ({ what, state })),
  }
}
