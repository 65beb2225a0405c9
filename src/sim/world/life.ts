/** One run of a program, as the program and its ports see it. It ends when its process is killed, and is never called again. */
import type { Prng } from '#kernel/prng.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Owner, Scheduled } from './scheduler.ts'

export interface Life extends Owner {
  /** Of the process. */
  readonly name: string
  /** 1 for the first life of the process. */
  readonly number: number
  readonly random: Prng
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal
  isAlive(): boolean
  /** In the world's time. */
  after(delayMs: number, fire: () => void): Scheduled
  /** Called when this life ends, however it does. */
  onEnd(cleanup: () => void): void
  killAndRestart(why: string): void
  /** How fast its clock runs, and by how much its wall clock is off. */
  clockFacts(): ClockFacts
  /** Undefined where it was never paused. */
  lastPause(): { readonly fromMs: number; readonly untilMs: number } | undefined
  /** Timers of its clock that are armed. */
  timers(): number
  timerArmed(change: 1 | -1): void
}

export interface ClockFacts {
  readonly rate: number
  readonly wallOffsetMs: number
}

export type Program = (life: Life) => Promise<void>

/** Thrown into the code of a process that was killed inside a call: it reaches nobody who could act on it. */
export class Killed extends Error {
  override name = 'Killed'
}
