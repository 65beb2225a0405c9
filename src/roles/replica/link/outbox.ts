/** Answers on their way to one gateway: a piece of each in turn, while the socket takes more, so that a light one overtakes a big one. */
import type { Clock, Timer } from '#ports/clock.ts'
import type { Connection } from '#ports/net/transport.ts'
import { encodePiece } from '#wire/link.ts'
import { PIECE_BYTES_MAX, type PieceParts, piecesOf } from '#wire/link-answer.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

/** Bytes given to the operating system ahead of time: a light answer waits behind no more. */
const SOCKET_BYTES_MAX = replicaLimits.linkSocketBytesMax.value
/** How soon a full socket is tried again. */
const FULL_SOCKET_MS = 1

interface Waiting {
  readonly pieces: Generator<PieceParts>
  readonly bytes: number
  readonly gone: (() => void) | undefined
}

export interface EncodedAnswer {
  readonly parts: readonly Uint8Array[]
  readonly length: number
}

export interface Outbox {
  answers(): number
  bytes(): number
  /**
   * @param answer the bytes of its parts in a row
   * @param gone called once, when the last piece has left or the answer is dropped
   */
  add(id: number, answer: EncodedAnswer, gone?: () => void): void
  drop(id: number): void
  clear(): void
}

export function createOutbox(connection: Connection, clock: Clock): Outbox {
  const waiting = new Map<number, Waiting>()
  let bytesWaiting = 0
  let retry: Timer | undefined

  const drop = (id: number): void => {
    const answer = waiting.get(id)
    if (answer === undefined) return
    bytesWaiting -= answer.bytes
    waiting.delete(id)
    answer.gone?.()
  }
  const pump = (): void => {
    for (const [id, answer] of waiting) {
      if (connection.queuedBytes() > SOCKET_BYTES_MAX) {
        retry ??= clock.after(FULL_SOCKET_MS, () => {
          retry = undefined
          pump()
        })
        return
      }
      const { value: piece } = answer.pieces.next()
      if (piece !== undefined) connection.send(...encodePiece(id, piece))
      if (piece?.last !== false) drop(id)
      else {
        waiting.delete(id)
        waiting.set(id, answer) // to the end of the line: a Map visits it again
      }
    }
  }
  return {
    answers: () => waiting.size,
    bytes: () => bytesWaiting,
    drop,
    add(id, { parts, length }, gone) {
      if (waiting.size === 0 && length <= PIECE_BYTES_MAX && connection.queuedBytes() <= SOCKET_BYTES_MAX) {
        connection.send(...encodePiece(id, { last: true, parts }))
        return gone?.()
      }
      waiting.set(id, { pieces: piecesOf(parts), bytes: length, gone })
      bytesWaiting += length
      pump()
    },
    clear() {
      retry?.cancel()
      for (const id of [...waiting.keys()]) drop(id)
    },
  }
}
