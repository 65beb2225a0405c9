/** What happened in a run, line by line with its time: the same seed gives the same bytes. */
export interface Trace {
  line(who: string, what: string): void
  lines(): readonly string[]
}

/** Lines kept; a run that says more than this says nothing new. */
const LINES_MAX = 20_000

export function createTrace(nowMs: () => number): Trace {
  const lines: string[] = []
  return {
    line(who, what) {
      if (lines.length < LINES_MAX)
        lines.push(`${(nowMs() / 1_000).toFixed(4).padStart(9)} ${who.padEnd(10)} ${what}`)
    },
    lines: () => lines,
  }
}
