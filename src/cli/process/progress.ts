/** How far a long command is: one line that redraws itself on a terminal, a line every ten seconds elsewhere. */

const TERMINAL_EVERY_MS = 250
const ELSEWHERE_EVERY_MS = 10_000
const BAR_CELLS = 24

export interface Progress {
  /** Shown when it is time. */
  show(line: () => string): void
  /** The last line, whatever the time. */
  end(line: string): void
}

export function startProgress(out: NodeJS.WriteStream): Progress {
  const everyMs = out.isTTY ? TERMINAL_EVERY_MS : ELSEWHERE_EVERY_MS
  let shownMs = performance.now()
  const write = (line: string): void => void out.write(out.isTTY ? `\r\u001b[2K${line}` : `${line}\n`)
  return {
    show(line) {
      const nowMs = performance.now()
      if (nowMs - shownMs < everyMs) return
      shownMs = nowMs
      write(line())
    },
    end(line) {
      write(out.isTTY ? `${line}\n` : line)
    },
  }
}

/** `[#####     ] 52 %`. */
export function bar(done: number, of: number): string {
  const part = of === 0 ? 1 : Math.min(done / of, 1)
  const cells = Math.round(part * BAR_CELLS)
  return `[${'#'.repeat(cells)}${' '.repeat(BAR_CELLS - cells)}] ${Math.floor(part * 100)} %`
}

/** What is left at the rate so far, in words. */
export function timeLeft(done: number, of: number, elapsedMs: number): string {
  if (done === 0) return 'some time'
  const seconds = Math.round((elapsedMs * (of - done)) / done / 1_000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`
}
