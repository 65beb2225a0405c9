/**
 * The records of a stretch of the feed, one by one and once, whoever reads them: a reader ahead of the applier as long as there is one, then
 * the applier's own thread.
 */
import { assert } from '#kernel/assert.ts'
import type { Logger } from '#ports/logger.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { Reader, ReadyRecord, Stretch } from './ready-frame.ts'
import { readTo } from '#roles/replica/apply/survey.ts'

export class ReadyRecords {
  readonly #stretch: Stretch
  readonly #feed: RecordLog
  readonly #log: Logger
  readonly #signal: AbortSignal
  #reader: Reader | undefined
  #here: AsyncIterator<readonly ReadyRecord[]> | undefined
  #piece: readonly ReadyRecord[] = []
  #taken = 0
  #next: number

  constructor(
    stretch: Stretch,
    { feed, log, reader }: { feed: RecordLog; log: Logger; reader: Reader | undefined },
    signal: AbortSignal,
  ) {
    this.#stretch = stretch
    this.#feed = feed
    this.#log = log
    this.#reader = reader
    this.#signal = signal
    this.#next = stretch.from
  }

  /** Position of the record that comes next. */
  position(): number {
    return this.#next
  }

  /** A record that is here already. */
  take(): ReadyRecord | undefined {
    const record = this.#piece[this.#taken]
    if (record === undefined) return undefined
    assert(record.position === this.#next, 'records come in order, each once')
    this.#taken++
    this.#next++
    return record
  }

  /** The next one, waiting for it; undefined after the last, or where the signal is aborted. */
  async wait(): Promise<ReadyRecord | undefined> {
    while (this.#taken === this.#piece.length) {
      if (this.#signal.aborted || this.#next >= this.#stretch.end) return undefined
      const piece = await this.#more()
      if (piece === undefined) return undefined
      this.#piece = piece
      this.#taken = 0
    }
    return this.take()
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    await this.#here?.return?.()
  }

  async #more(): Promise<readonly ReadyRecord[] | undefined> {
    if (this.#reader !== undefined) {
      const piece = await this.#reader.next()
      if (piece !== undefined || this.#signal.aborted) return piece
      this.#log.warn('the thread that reads ahead has ended: the applier reads on alone', {
        position: this.#next,
      })
      await this.#reader.close()
      this.#reader = undefined
    }
    this.#here ??= readTo(this.#feed, this.#next, this.#stretch.end, this.#signal)
    const { done, value } = await this.#here.next()
    return done === true ? undefined : value
  }
}
