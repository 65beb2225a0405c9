/** The grace of publishing once: how long a master leaves a block to each one that goes before it, learned from how fast it reads back itself. */

/** The least grace, and what holds before anything was read back. */
export const GRACE_MS_MIN = 50
/** And the most, in block times: a leader that died costs no more, however slow reading back was; one that is slower is not waited for. */
const BLOCK_TIMES_MAX = 0.5
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
  /** g of architecture §4. @param blockTimeMs undefined while it is not known */
  graceMs(blockTimeMs: number | undefined): number {
    const most = BLOCK_TIMES_MAX * (blockTimeMs ?? Number.POSITIVE_INFINITY)
    return Math.max(GRACE_MS_MIN, Math.min(2 * this.p99Ms(), most))
  }
}
