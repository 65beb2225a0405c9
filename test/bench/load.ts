/**
 * Load for benchmarks from a process of its own, so that a server's CPU time is its own: N connections, each with one request in flight,
 * JSON-RPC bodies in turn. `measure` puts beside it what the server's processes used meanwhile.
 */
import { join } from 'node:path'
import { cpuSeconds, endProcess, nextMessage, spawnNode } from './pinned-process.ts'

const ENTRY = join(import.meta.dirname, 'load-process.ts')

export interface LoadOrder {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Request bodies, taken in turn by all connections together. */
  readonly bodies: readonly string[]
  /** Beside host, content-type and content-length, as `name: value`. */
  readonly headerLines?: readonly string[]
  readonly until: { readonly seconds: number } | { readonly requests: number }
}

export interface LoadReport {
  readonly requests: number
  /** Answers that were not status 200 with a result in it, and what the first of them said. */
  readonly failures: number
  readonly firstFailure?: string
  readonly seconds: number
  readonly answerBytes: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export type LoadNews =
  | { readonly kind: 'done'; readonly report: LoadReport }
  | { readonly kind: 'failed'; readonly message: string }

export interface LoadGenerator {
  /** One at a time. @throws where the server cannot be reached or ends a connection */
  run(order: LoadOrder): Promise<LoadReport>
  close(): Promise<void>
}

/** @param core the core that makes the load: another than the server's */
export function startLoad({ core }: { readonly core: number }): LoadGenerator {
  const child = spawnNode(ENTRY, [], core)
  return {
    async run(order) {
      const news = nextMessage<LoadNews>(child)
      child.send(order)
      const said = await news
      if (said.kind === 'failed') throw new Error(said.message)
      return said.report
    },
    close: () => endProcess(child),
  }
}

/** The load's report, and the CPU microseconds per request of the processes that served it. */
export async function measure(
  load: LoadGenerator,
  order: LoadOrder,
  serverPids: readonly number[],
): Promise<LoadReport & { readonly us: number }> {
  const used = (): number => serverPids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const before = used()
  const report = await load.run(order)
  if (report.failures > 0)
    throw new Error(
      `${report.failures} of ${report.requests} answers are no results; the first: ${report.firstFailure}`,
    )
  return { ...report, us: ((used() - before) * 1e6) / report.requests }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
