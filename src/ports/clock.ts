/** Time as the roles see it: real in production, virtual in the simulation. */
export interface Clock {
  /** Wall clock, milliseconds since 1970; may jump. */
  wallMs(): number
  /** Monotonic milliseconds from an arbitrary origin, with fractions. */
  nowMs(): number
  /** Runs `fire` once after `delayMs`. */
  after(delayMs: number, fire: () => void): Timer
  /** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

export interface Timer {
  cancel(): void
}
