/** The one implementation of Meter: counts in memory and renders Prometheus' text exposition format 0.0.4. */
import { assert } from '#kernel/assert.ts'
import type { Labels, Meter } from './meter.ts'

export interface MeterRegistry extends Meter {
  render(): string
}

/** Label combinations of one metric; over it a new one is a bug (labels come from closed sets). */
const SERIES_MAX = 1_000

export function createMeterRegistry(): MeterRegistry {
  const metrics = new Map<string, { help: string; type: string; series: Map<string, number> }>()

  const declare = (name: string, help: string, type: string): Map<string, number> => {
    const known = metrics.get(name)
    if (known !== undefined) {
      assert(known.type === type, `the metric ${name} is declared with one type`)
      return known.series
    }
    const series = new Map<string, number>()
    metrics.set(name, { help, type, series })
    return series
  }
  const move = (series: Map<string, number>, key: string, change: (was: number) => number): void => {
    assert(series.has(key) || series.size < SERIES_MAX, 'labels come from closed sets')
    series.set(key, change(series.get(key) ?? 0))
  }

  return {
    counter(name, help) {
      const series = declare(name, help, 'counter')
      return { add: (n, labels) => move(series, name + text(labels), (was) => was + n) }
    },
    gauge(name, help) {
      const series = declare(name, help, 'gauge')
      return { set: (value, labels) => move(series, name + text(labels), () => value) }
    },
    histogram(name, help, buckets) {
      const series = declare(name, help, 'histogram')
      return {
        observe(value, labels = {}) {
          for (const le of [...buckets, Number.POSITIVE_INFINITY]) {
            const bound = le === Number.POSITIVE_INFINITY ? '+Inf' : String(le)
            move(
              series,
              `${name}_bucket${text({ ...labels, le: bound })}`,
              (was) => was + (value <= le ? 1 : 0),
            )
          }
          move(series, `${name}_sum${text(labels)}`, (was) => was + value)
          move(series, `${name}_count${text(labels)}`, (was) => was + 1)
        },
      }
    },
    render() {
      let out = ''
      for (const [name, { help, type, series }] of metrics) {
        out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
        for (const [key, value] of series) out += `${key} ${value}\n`
      }
      return out
    },
  }
}

function text(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(
    ([k, v]) => `${k}="${v.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
