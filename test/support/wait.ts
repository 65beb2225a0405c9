/** Waiting for conditions, never for time. */
import { setTimeout as sleep } from 'node:timers/promises'

const PROBE_EVERY_MS = 20

/** Resolves with the first value that is not undefined; rejects naming what was waited for. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  let last: unknown
  for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(PROBE_EVERY_MS)) {
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (thrown) {
      last = thrown
    }
  }
  throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause: last })
}
