/**
 * Logs as they are stored: one row each, under `block 4 ‖ log index 4 ‖ part 2`. A query looks at many and sends some on, so a log is read
 * into one array that the next one overwrites, and nothing is made of its parts: where they stand is told.
 */
import type { Log } from '#chain/transaction/receipt.ts'
import { assert } from '#kernel/assert.ts'
import type { ReadTx, Row } from '#ports/storage/key-value.ts'
import { getU32, putU32, u32 } from '#state/codec/bytes.ts'
import { LOG_ADDRESS_AT, LOG_FIXED_BYTES } from '#state/codec/receipt.ts'
import { PART_BYTES } from '#state/parts.ts'
import type { StoredLog } from '#state/snapshot.ts'

type Seeks = Pick<ReadTx, 'seek' | 'next'>

/** A log this close behind the last one is reached by going on rather than by a new search. */
const NEAR_LOGS = 8
const TOPIC_BYTES = 32

export class LogRow implements StoredLog {
  /** Made with the first log: every snapshot has a row, and few read logs. */
  bytes = new Uint8Array()
  dataTo = 0
  logIndex = 0
  readonly addressAt = LOG_ADDRESS_AT
  readonly topicsAt = LOG_FIXED_BYTES

  get transactionIndex(): number {
    return getU32(this.bytes, 1)
  }
  get topicCount(): number {
    return this.bytes[0] as number
  }
  get dataAt(): number {
    return LOG_FIXED_BYTES + TOPIC_BYTES * this.topicCount
  }

  /** A log whose first row has just been found. */
  read(tx: Seeks, first: Row, logIndex: number): void {
    this.logIndex = logIndex
    this.dataTo = 0
    for (let part = first.value; ; ) {
      this.#append(part)
      if (part.length < PART_BYTES) break
      const more = tx.next('logs')
      assert(more !== undefined, 'all parts of a log are stored')
      part = more.value
    }
    assert(this.dataAt <= this.dataTo, 'a log row is as long as its layout says')
  }

  #append(part: Uint8Array): void {
    const from = this.dataTo
    this.dataTo += part.length
    if (this.dataTo > this.bytes.length) {
      const wider = new Uint8Array(Math.max(PART_BYTES, this.dataTo, 2 * this.bytes.length))
      wider.set(this.bytes.subarray(0, from))
      this.bytes = wider
    }
    this.bytes.set(part, from)
  }
}

/** Calls `visit` for each log of the block in order until it returns false. `visit` seeks no logs of the same transaction. */
export function visitLogs(
  tx: Seeks,
  number: number,
  visit: (log: StoredLog) => boolean,
  row = new LogRow(),
): void {
  let found = tx.seek('logs', u32(number))
  for (let logIndex = 0; found !== undefined && getU32(found.key, 0) === number; logIndex++) {
    row.read(tx, found, logIndex)
    if (!visit(row)) return
    found = tx.next('logs')
  }
}

/** The same for some logs of a block only, ascending; false where `visit` ended it. */
export function visitSomeLogs(
  tx: Seeks,
  { number, indexes }: { readonly number: number; readonly indexes: readonly number[] | 'any' },
  visit: (log: StoredLog) => boolean,
  row = new LogRow(),
): boolean {
  let goesOn = true
  if (indexes === 'any') visitLogs(tx, number, (log) => (goesOn = visit(log)), row)
  else
    for (let at = 0, before = -NEAR_LOGS; at < indexes.length && goesOn; at++) {
      const logIndex = indexes[at] as number
      const found = logIndex - before < NEAR_LOGS ? nextLog(tx, logIndex) : seekLog(tx, number, logIndex)
      row.read(tx, found, logIndex)
      goesOn = visit(row)
      before = logIndex
    }
  return goesOn
}

/** A copy that outlives the visit. */
export function copyLog({ bytes, addressAt, topicsAt, topicCount, dataAt, dataTo }: StoredLog): Log {
  const own = bytes.slice(addressAt, dataTo)
  const view = (from: number, to: number): Uint8Array => own.subarray(from - addressAt, to - addressAt)
  const topics: Uint8Array[] = []
  for (let i = 0; i < topicCount; i++)
    topics.push(view(topicsAt + TOPIC_BYTES * i, topicsAt + TOPIC_BYTES * (i + 1)))
  return { address: view(addressAt, topicsAt), topics, data: view(dataAt, dataTo) }
}

function seekLog(tx: Seeks, number: number, logIndex: number): Row {
  const key = new Uint8Array(10)
  putU32(key, 0, number)
  putU32(key, 4, logIndex)
  const row = tx.seek('logs', key)
  assert(row !== undefined && getU32(row.key, 4) === logIndex, 'an indexed log is stored')
  return row
}

/** The first row of a log of the block in which the cursor stands. */
function nextLog(tx: Seeks, logIndex: number): Row {
  for (;;) {
    const row = tx.next('logs')
    assert(row !== undefined && getU32(row.key, 4) <= logIndex, 'an indexed log is stored')
    if (getU32(row.key, 4) === logIndex) return row
  }
}
