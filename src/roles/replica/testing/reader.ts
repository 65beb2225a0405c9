/** A reader ahead of the applier in the same thread, between which messages are cloned and change hands as between two; it may die. */
import type { Mailbox } from '#ports/mailbox.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import {
  inTurn,
  readAhead,
  type ReaderNews,
  type ReaderOrder,
  readerAt,
} from '#roles/replica/read-ahead/reader.ts'
import type { Reader, StartReader, Stretch } from '#roles/replica/read-ahead/ready-frame.ts'
import { stored } from './feed.ts'

/** Few, so that there are many turns. */
const RUN_RECORDS = 3

export interface ReaderFaults {
  /** It sends so many messages, and ends. */
  readonly messagesMax?: number
  readonly aheadBytesMax?: number
  /** How many share the work. */
  readonly readers?: number
}

export function readerHere(
  feed: RecordLog,
  { messagesMax = Number.POSITIVE_INFINITY, aheadBytesMax = 1, readers = 1 }: ReaderFaults = {},
): StartReader {
  const start = (stretch: Stretch, signal: AbortSignal): Reader => {
    const stop = new AbortController()
    let left = messagesMax
    const [box, orders] = mailboxPair<ReaderNews, ReaderOrder>(() => {
      if (left === 0) stop.abort()
      return left-- > 0
    })
    const running = readAhead(
      stretch,
      { feed, compress: stored, box },
      AbortSignal.any([signal, stop.signal]),
    )
    const end = async (): Promise<void> => {
      stop.abort()
      await running
    }
    return readerAt(orders, { ended: running, end }, signal)
  }
  return async (stretch, signal) =>
    inTurn(
      Array.from({ length: readers }, (_, index) =>
        start(
          {
            ...stretch,
            aheadBytesMax: readers * aheadBytesMax,
            share: { index, of: readers, runRecords: RUN_RECORDS },
          },
          signal,
        ),
      ),
      RUN_RECORDS,
    )
}

/** @param mayPass says of each message of the first whether it goes */
function mailboxPair<A, B>(mayPass: () => boolean): [Mailbox<A, B>, Mailbox<B, A>] {
  const handlers: [(message: B) => void, (message: A) => void] = [() => {}, () => {}]
  const send = <T>(
    message: T,
    handedOver: readonly ArrayBuffer[] | undefined,
    to: (copy: T) => void,
  ): void => {
    const copy = structuredClone(message, { transfer: [...(handedOver ?? [])] })
    void Promise.resolve().then(() => to(copy))
  }
  return [
    {
      post: (message, handedOver) => {
        if (mayPass()) send(message, handedOver, (copy: A) => handlers[1](copy))
      },
      onMessage: (handler) => (handlers[0] = handler),
    },
    {
      post: (message, handedOver) => send(message, handedOver, (copy: B) => handlers[0](copy)),
      onMessage: (handler) => (handlers[1] = handler),
    },
  ]
}
