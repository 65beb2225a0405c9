/** Learns the chain's block time from when heads arrive: a smoothed mean, so that one missed slot or one burst changes little. */
export interface BlockTime {
  /** A head arrived, `blocks` above the one before. */
  headArrived(nowMs: number, blocks: number): void
  /** Undefined until two heads were seen. */
  ms(): number | undefined
}

/** Weight of the newest interval. */
const NEWEST = 0.2

export function createBlockTime(): BlockTime {
  let lastMs: number | undefined
  let mean: number | undefined
  return {
    headArrived(nowMs, blocks) {
      if (lastMs !== undefined && blocks > 0) {
        const interval = (nowMs - lastMs) / blocks
        mean = mean === undefined ? interval : mean + NEWEST * (interval - mean)
      }
      lastMs = nowMs
    },
    ms: () => mean,
  }
}
