/**
 * The one implementation of Meter: counts in memory and renders Prometheus' text exposition format 0.0.4. A series is found by the
 * identity of its labels where the caller keeps them, so that counting a request builds no text.
 */
import { assert } from '#kernel/assert.ts'
import type { Labels, Meter } from './meter.ts'

export interface MeterRegistry extends Meter {
  render(): string
}

export type MetricType = 'counter' | 'gauge' | 'histogram'

/** One number of one series. */
export interface Cell {
  value: number
}

/** Where the numbers of a registry live: in its own memory, or where other threads see them too (shared-meters.ts). */
export interface MeterCells {
  declare(name: string, help: string, type: MetricType): void
  /** @param key name and labels, as they are rendered */
  cell(name: string, key: string): Cell
}

/** Label combinations of one metric; over it a new one is a bug (labels come from closed sets). */
const SERIES_MAX = 1_000

const OWN_CELLS: MeterCells = { declare: () => {}, cell: () => ({ value: 0 }) }

interface Series {
  readonly name: string
  readonly cells: Map<string, Cell>
}

export function createMeterRegistry(source: MeterCells = OWN_CELLS): MeterRegistry {
  const metrics = new Map<string, { help: string; type: MetricType; series: Series }>()

  const declare = (name: string, help: string, type: MetricType): Series => {
    const known = metrics.get(name)
    if (known !== undefined) {
      assert(known.type === type, `the metric ${name} is declared with one type`)
      return known.series
    }
    const series: Series = { name, cells: new Map() }
    metrics.set(name, { help, type, series })
    source.declare(name, help, type)
    return series
  }
  const cell = ({ name, cells }: Series, key: string): Cell => {
    let found = cells.get(key)
    if (found === undefined) {
      assert(cells.size < SERIES_MAX, 'labels come from closed sets')
      found = source.cell(name, key)
      cells.set(key, found)
    }
    return found
  }

  return {
    counter(name, help) {
      const series = declare(name, help, 'counter')
      const find = byLabels((labels) => cell(series, name + text(labels)))
      return { add: (n, labels) => void (find(labels).value += n) }
    },
    gauge(name, help) {
      const series = declare(name, help, 'gauge')
      const find = byLabels((labels) => cell(series, name + text(labels)))
      return { set: (value, labels) => void (find(labels).value = value) }
    },
    histogram(name, help, buckets) {
      const series = declare(name, help, 'histogram')
      const find = byLabels((labels) => ({
        below: [...buckets.map(String), '+Inf'].map((le) =>
          cell(series, `${name}_bucket${text({ ...labels, le })}`),
        ),
        sum: cell(series, `${name}_sum${text(labels)}`),
        count: cell(series, `${name}_count${text(labels)}`),
      }))
      return {
        observe(value, labels) {
          const { below, sum, count } = find(labels)
          // Each bucket counts what is at or below its bound, so all from the first that fits.
          for (let i = below.length - 1; i >= 0 && value <= (buckets[i] ?? Infinity); i--)
            (below[i] as Cell).value++
          sum.value += value
          count.value++
        },
      }
    },
    render() {
      let out = ''
      for (const [name, { help, type, series }] of metrics) {
        out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
        for (const [key, { value }] of series.cells) out += `${key} ${value}\n`
      }
      return out
    },
  }
}

/** What `make` makes of labels, made once for each object and once for none. */
function byLabels<T>(make: (labels: Labels) => T): (labels: Labels | undefined) => T {
  const known = new WeakMap<Labels, T>()
  let bare: T | undefined
  // Often the same as before.
  let last: { readonly labels: Labels; readonly made: T } | undefined
  return (labels) => {
    if (labels === undefined) return (bare ??= make({}))
    if (last?.labels === labels) return last.made
    let made = known.get(labels)
    if (made === undefined) {
      made = make(labels)
      known.set(labels, made)
    }
    last = { labels, made }
    return made
  }
}

function text(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([k, v]) => `${k}="${v.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
