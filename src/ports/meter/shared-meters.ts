/**
 * Meters of several threads in one shared array, so that any of them can render all. Each thread writes a region of its own: numbers, and
 * beside them, written once and then counted in, the names of what they are. A thread that takes over the region of one that ended goes
 * on with its counters, which therefore never fall. Rendered together, counters and histograms are sums, and a gauge is the highest that a
 * living thread shows.
 */
import { assert } from '#kernel/assert.ts'
import { fromUtf8, utf8 } from '#kernel/bytes.ts'
import type { Cell, MeterCells, MetricType } from './meter-registry.ts'

/** Series of one thread, and bytes of their names; over them a new one is a bug (labels come from closed sets). */
const CELLS_MAX = 2_048
const NAMES_BYTES_MAX = 256 * 1024
/** Of a region's header: bytes of names that are whole, and whether its thread lives. */
const NAMES_BYTES = 0
const LIVE = 1
const HEADER_BYTES = 8
const REGION_BYTES = HEADER_BYTES + CELLS_MAX * 8 + NAMES_BYTES_MAX

export function sharedMetersBytes(regions: number): number {
  return regions * REGION_BYTES
}

/** For createMeterRegistry: the cells of the thread that has this region from now on. */
export function sharedCells(buffer: SharedArrayBuffer, region: number): MeterCells {
  const { header, cells, names } = viewsOf(buffer, region)
  const known = readNames(header, names)
  for (const { type, series } of known.metrics)
    if (type === 'gauge') for (const { at } of series) cells[at] = 0
  Atomics.store(header, LIVE, 1)

  const append = (line: string): void => {
    const bytes = utf8(`${line}\n`)
    const at = Atomics.load(header, NAMES_BYTES)
    assert(at + bytes.length <= NAMES_BYTES_MAX, 'labels come from closed sets')
    names.set(bytes, at)
    // Last, so that whoever reads sees whole lines only.
    Atomics.store(header, NAMES_BYTES, at + bytes.length)
  }
  const metricAt = (name: string): number => known.metrics.findIndex((metric) => metric.name === name)
  return {
    declare(name, help, type) {
      if (metricAt(name) >= 0) return
      known.metrics.push({ name, help, type, series: [] })
      append(`# ${type} ${name} ${help}`)
    },
    cell(name, key) {
      const metric = metricAt(name)
      const series = known.metrics[metric]?.series
      assert(series !== undefined, 'a metric is declared before it is counted')
      let at = series.find((one) => one.key === key)?.at
      if (at === undefined) {
        assert(known.cells < CELLS_MAX, 'labels come from closed sets')
        at = known.cells++
        series.push({ key, at })
        append(`${metric} ${key}`)
      }
      return new SharedCell(cells, at)
    },
  }
}

/** Its thread has ended: its counters stay, its gauges say nothing any more. */
export function leaveRegion(buffer: SharedArrayBuffer, region: number): void {
  Atomics.store(viewsOf(buffer, region).header, LIVE, 0)
}

/** Prometheus' text exposition format 0.0.4, of all regions together. */
export function renderSharedMeters(buffer: SharedArrayBuffer): string {
  const all = new Map<string, { help: string; type: MetricType; values: Map<string, number> }>()
  for (let region = 0; region * REGION_BYTES < buffer.byteLength; region++) {
    const { header, cells, names } = viewsOf(buffer, region)
    const live = Atomics.load(header, LIVE) === 1
    for (const { name, help, type, series } of readNames(header, names).metrics) {
      const metric = all.get(name) ?? { help, type, values: new Map() }
      all.set(name, metric)
      if (type === 'gauge' && !live) continue
      for (const { key, at } of series) {
        const value = cells[at] as number
        const before = metric.values.get(key)
        const both = type === 'gauge' ? Math.max(before ?? value, value) : (before ?? 0) + value
        metric.values.set(key, both)
      }
    }
  }
  let out = ''
  for (const [name, { help, type, values }] of all) {
    out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
    for (const [key, value] of values) out += `${key} ${value}\n`
  }
  return out
}

class SharedCell implements Cell {
  readonly #cells: Float64Array
  readonly #at: number

  constructor(cells: Float64Array, at: number) {
    this.#cells = cells
    this.#at = at
  }
  get value(): number {
    return this.#cells[this.#at] as number
  }
  set value(value: number) {
    this.#cells[this.#at] = value
  }
}

function viewsOf(buffer: SharedArrayBuffer, region: number) {
  const from = region * REGION_BYTES
  assert(from + REGION_BYTES <= buffer.byteLength, 'a region lies within the shared array')
  return {
    header: new Int32Array(buffer, from, 2),
    cells: new Float64Array(buffer, from + HEADER_BYTES, CELLS_MAX),
    names: new Uint8Array(buffer, from + HEADER_BYTES + CELLS_MAX * 8, NAMES_BYTES_MAX),
  }
}

interface Named {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly series: { readonly key: string; readonly at: number }[]
}

/** Lines as they were appended: `# TYPE NAME HELP` begins a metric, `METRIC KEY` names the next cell. */
function readNames(header: Int32Array, names: Uint8Array): { readonly metrics: Named[]; cells: number } {
  const metrics: Named[] = []
  let cells = 0
  const lines = fromUtf8(names.slice(0, Atomics.load(header, NAMES_BYTES))).split('\n')
  for (const line of lines.slice(0, -1)) {
    if (line.startsWith('# ')) {
      const [, type, name, ...help] = line.split(' ')
      metrics.push({ name: name as string, type: type as MetricType, help: help.join(' '), series: [] })
      continue
    }
    const space = line.indexOf(' ')
    const metric = metrics[Number(line.slice(0, space))]
    assert(metric !== undefined, 'a series follows its metric')
    metric.series.push({ key: line.slice(space + 1), at: cells++ })
  }
  return { metrics, cells }
}
