/** Bars of text for a page, logarithmic from 1 on: p50 as full blocks, on to p99 as light ones, and the budget's place. */
export interface Bar {
  readonly name: string
  readonly p50: number
  readonly p99: number
}

const WIDTH = 60

/** @param budget marked in each bar with | */
export function bars(all: readonly Bar[], unit: string, budget: number): string {
  const scale = Math.max(budget, ...all.map(({ p99 }) => p99))
  const cells = (value: number): number =>
    Math.round((Math.log(Math.max(1, value)) / Math.log(scale)) * WIDTH)
  const names = Math.max(0, ...all.map(({ name }) => name.length))
  const lines = all.map(({ name, p50, p99 }) => {
    const drawn = `${'█'.repeat(cells(p50))}${'░'.repeat(cells(p99) - cells(p50))}`.padEnd(WIDTH + 1)
    const at = cells(budget)
    const marked = `${drawn.slice(0, at)}|${drawn.slice(at + 1)}`
    return `${name.padEnd(names)}  ${marked} ${p50.toFixed(1)} / ${p99.toFixed(1)}`
  })
  return [
    ...lines,
    `${''.padEnd(names)}  1 to ${scale.toFixed(0)} ${unit}, logarithmic; | is ${budget} ${unit}`,
  ].join('\n')
}
