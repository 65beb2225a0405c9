/** Metrics, declared beside the code that moves them and rendered in Prometheus' text format. Names: drover_<role>_<noun>_<unit>[_total]. */
export interface Meter {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
  /** Buckets in the name's unit (seconds or bytes), ascending. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
}

/** Labels come from closed sets: a value per method of a table, never per user input. */
export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(n: number, labels?: Labels): void
}
export interface Gauge {
  set(value: number, labels?: Labels): void
}
export interface Histogram {
  observe(value: number, labels?: Labels): void
}
