/** When each block was first whole on the feed, as a reader of its own sees it, whatever becomes of the broker meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { decodeRecord } from '#wire/record.ts'

const REOPEN_MS = 200

export class FeedTimes {
  /** By block hash; `performance.now()`. */
  readonly wholeAtMs = new Map<string, number>()
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor(open: () => Promise<RecordLog>) {
    this.#done = this.#run(open)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #run(open: () => Promise<RecordLog>): Promise<void> {
    const { signal } = this.#stop
    let next = 0
    while (!signal.aborted) {
      let log: RecordLog | undefined
      try {
        log = await open()
        for await (const records of log.tail(next, signal)) {
          const nowMs = performance.now()
          for (const { position, bytes } of records) {
            next = position + 1
            const { body } = decodeRecord(bytes)
            if (body.kind !== 'framePart' || body.index < body.count - 1) continue
            if (!this.wholeAtMs.has(body.block.hash)) this.wholeAtMs.set(body.block.hash, nowMs)
          }
        }
      } catch {
        await sleep(REOPEN_MS) // the broker is away
      } finally {
        await log?.close().catch(() => {})
      }
    }
  }
}
