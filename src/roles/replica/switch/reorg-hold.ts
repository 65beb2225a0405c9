/**
 * P3's hold: a decided head whose number is below what was served waits until a decided head is as high, at most two block times; so most
 * reorganisations are one step sideways or up, and the rare step down happens once. Block time is learned from the heads that were applied.
 */
import type { Clock } from '#ports/clock.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const INTERVALS_KEPT = 16
const HOLD_BLOCK_TIMES = 2
const BLOCK_TIME_MS_FIRST = 1_000
const BLOCK_TIME_MS_MIN = replicaLimits.reorgHoldMinMs.value
const BLOCK_TIME_MS_MAX = replicaLimits.reorgHoldMaxMs.value

export class ReorgHold {
  readonly #clock: Clock
  readonly #intervals: number[] = []
  #last: { readonly number: number; readonly ms: number } | undefined
  #sinceMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A head was applied as it came (not while catching up, where blocks come as fast as they can be read). */
  applied(number: number): void {
    const last = this.#last
    if (last !== undefined && number <= last.number) return
    const ms = this.#clock.nowMs()
    if (last !== undefined) this.#intervals.push((ms - last.ms) / (number - last.number))
    if (this.#intervals.length > INTERVALS_KEPT) this.#intervals.shift()
    this.#last = { number, ms }
  }

  /** Milliseconds that a switch from `served` to the lower `decided` must still wait; 0 when it need not. */
  waitMs(served: number, decided: number): number {
    if (decided >= served) {
      this.#sinceMs = undefined
      return 0
    }
    this.#sinceMs ??= this.#clock.nowMs()
    return Math.max(0, this.#sinceMs + HOLD_BLOCK_TIMES * this.#blockTimeMs() - this.#clock.nowMs())
  }

  /** The switch was made. */
  released(): void {
    this.#sinceMs = undefined
  }
  isHolding(): boolean {
    return this.#sinceMs !== undefined
  }

  #blockTimeMs(): number {
    const sorted = this.#intervals.toSorted((a, b) => a - b)
    const median = sorted[Math.floor(sorted.length / 2)] ?? BLOCK_TIME_MS_FIRST
    return Math.min(BLOCK_TIME_MS_MAX, Math.max(BLOCK_TIME_MS_MIN, median))
  }
}
