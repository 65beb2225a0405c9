/**
 * Sheds load before the kernel, or V8, ends the process. It stands between a few readings of memory and everybody who takes new work: under
 * the reserve of any limit it says that memory is short (new requests are refused, caches are dropped, garbage is collected), and goes on
 * saying so until there is half as much again, so that it does not flicker.
 */
import type { Clock } from './clock.ts'
import type { LimitTable } from '#kernel/limit.ts'
import type { Logger } from './logger.ts'
import type { Memory, MemoryUse } from './memory.ts'
import type { Meter } from './meter/meter.ts'
import type { OptionTable } from './options.ts'
import type { Scope } from './scope.ts'

/** Of every role that has a guard. */
export const memoryOptions = {
  memoryMaxBytes: {
    flag: 'memory-max',
    type: 'bytes',
    min: 134_217_728,
    help: 'memory that this process may use, beside what its control group or the system allows; near it new requests are refused',
  },
} as const satisfies OptionTable

export const memoryLimits = {
  memoryReservePercent: {
    value: 15,
    unit: 'percent',
    what: 'share of every limit of memory (--memory-max, cgroup, system, V8 heap) that is kept free',
    over: 'new requests are refused with -32005 and 503, caches are dropped, until there is half as much again',
  },
  memoryReserveBytesMax: {
    value: 512 * 1024 * 1024,
    unit: 'bytes',
    what: 'the same, where the share would be more',
    over: 'as above',
  },
  memoryReadEveryMs: {
    value: 100,
    unit: 'ms',
    what: 'time between two looks at the memory',
    over: 'what is taken in between is seen late',
  },
} as const satisfies LimitTable

const RESERVE_SHARE = memoryLimits.memoryReservePercent.value / 100
const RESERVE_BYTES_MAX = memoryLimits.memoryReserveBytesMax.value
const READ_EVERY_MS = memoryLimits.memoryReadEveryMs.value
/** Free again from so many reserves on. */
const ENOUGH_RESERVES = 1.5
/** Collecting garbage takes time from those who are served. */
const RECLAIM_EVERY_MS = 1_000
/** In a crowd it comes and goes: one line a while. */
const LOG_EVERY_MS = 10_000

export interface MemoryGuard {
  /** New work is refused while this is so. */
  isShort(): boolean
}

export function startMemoryGuard(
  parts: {
    readonly memory: Memory
    readonly clock: Clock
    readonly log: Logger
    readonly meter: Meter
    /** Drops what can be made again. */
    readonly shrink?: () => void
    readonly changed?: (short: boolean) => void
  },
  scope: Scope,
): MemoryGuard {
  const { memory, clock, log } = parts
  const metrics = declareMetrics(parts.meter)
  let short = false
  let lookedMs = 0
  let reclaimedMs = Number.NEGATIVE_INFINITY
  let loggedMs = Number.NEGATIVE_INFINITY
  /** The line that memory is short stands in the log without the one that it is enough again. */
  let told = false
  const look = (): void => {
    lookedMs = clock.nowMs()
    const uses = memory.read()
    for (const { source, usedBytes, limitBytes } of uses) {
      metrics.used.set(usedBytes, { source })
      metrics.limit.set(limitBytes, { source })
    }
    const tight = tightest(uses)
    const wasShort = short
    short = tight !== undefined && isShort(tight, wasShort)
    const nowMs = clock.nowMs()
    if (short && tight !== undefined && nowMs - reclaimedMs >= RECLAIM_EVERY_MS) {
      parts.shrink?.()
      memory.reclaim()
      reclaimedMs = clock.nowMs()
    }
    if (short === wasShort) return
    metrics.short.set(short ? 1 : 0)
    if (short) metrics.times.add(1)
    parts.changed?.(short)
    if (tight === undefined || (short ? nowMs - loggedMs < LOG_EVERY_MS : !told)) return
    told = short
    loggedMs = nowMs
    const facts = { source: tight.source, usedBytes: tight.usedBytes, limitBytes: tight.limitBytes }
    if (short) log.warn('memory is short: new requests are refused until there is more', facts)
    else log.info('memory is enough again', facts)
  }
  metrics.short.set(0)
  look()
  scope.spawn('watch the memory', async (signal) => {
    for (;;) {
      await clock.sleep(READ_EVERY_MS, signal)
      look()
    }
  })
  return {
    isShort() {
      // A thread with much to do comes late to its timers, and takes memory meanwhile.
      if (clock.nowMs() - lookedMs > READ_EVERY_MS) look()
      return short
    },
  }
}

function reserveOf({ limitBytes }: MemoryUse): number {
  return Math.min(limitBytes * RESERVE_SHARE, RESERVE_BYTES_MAX)
}

/** Until the first of the limits is short: a guard that stands under it refuses from there on. Below 0 where one is. */
export function freeBytes(uses: readonly MemoryUse[]): number {
  return Math.min(...uses.map((use) => use.limitBytes - use.usedBytes - reserveOf(use)))
}

function isShort(use: MemoryUse, wasShort: boolean): boolean {
  return use.limitBytes - use.usedBytes < reserveOf(use) * (wasShort ? ENOUGH_RESERVES : 1)
}

/** The one with the fewest reserves free. */
function tightest(uses: readonly MemoryUse[]): MemoryUse | undefined {
  const reserves = (use: MemoryUse): number => (use.limitBytes - use.usedBytes) / reserveOf(use)
  return uses.reduce<MemoryUse | undefined>(
    (found, use) => (found === undefined || reserves(use) < reserves(found) ? use : found),
    undefined,
  )
}

function declareMetrics(meter: Meter) {
  return {
    used: meter.gauge('drover_memory_used_bytes', 'memory used, by who keeps the limit'),
    limit: meter.gauge('drover_memory_limit_bytes', 'memory that may be used, by who keeps the limit'),
    short: meter.gauge('drover_memory_short', '1 while new requests are refused because memory is short'),
    times: meter.counter('drover_memory_shortages_total', 'times that memory became short'),
  }
}
