/** The grace of publishing once: how long a master leaves a block to each one that goes before it, learned from how fast it reads back itself. */

/** The least grace, and what holds before anything was read back. */
export const GRACE_MS_MIN = 50
/** Newest appends whose read-back counts. */
const SAMPLES_MAX = 256
const PERCENTILE = 0.99

export class ReadBackTimes {
  readonly #newestMs: number[] = []
  #p99Ms = 0

  /** From the start of an append to its last record read back. */
  add(elapsedMs: number): void {
    this.#newestMs.push(elapsedMs)
    if (this.#newestMs.length > SAMPLES_MAX) this.#newestMs.shift()
    const ascending = this.#newestMs.toSorted((a, b) => a - b)
    this.#p99Ms = ascending[Math.ceil(PERCENTILE * ascending.length) - 1] ?? 0
  }
  /** 0 while nothing was read back. */
  p99Ms(): number {
    return this.#p99Ms
  }
  /** g of architecture §4. */
  graceMs(): number {
    return Math.max(GRACE_MS_MIN, 2 * this.p99Ms())
  }
}
