/** What answering one body of JSON-RPC gives, before anybody turns it into HTTP or a link response. */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Parts } from '#kernel/bytes.ts'

/** One call's outcome: the JSON text of its response object, or a wish that a master's forward port answers it. */
export type AnswerItem =
  | { readonly kind: 'answered'; readonly json: string }
  /** The same, where its result is bytes already. */
  | { readonly kind: 'encoded'; readonly parts: Parts }
  /** The request is a notification: nothing is sent back. */
  | { readonly kind: 'silent' }
  /** This store cannot know (pending, a transaction not in a block, below the horizon); `request` is the call's own JSON text. */
  | { readonly kind: 'forward'; readonly request: string; readonly otherwise: string }
  /** Announced but not here yet: the JSON text of a -32005 response. If every item is so, the HTTP status is 503. */
  | { readonly kind: 'retry'; readonly json: string }

/** The JSON text of a response object, whole or in parts. */
export type ResponseText = string | Parts

/** What a method gives that writes its result itself: the bytes of its JSON. */
export class EncodedResult {
  readonly bytes: Uint8Array
  /** Where the bytes are lent: gives them back, once nobody reads them any more. Whoever does not call it leaves them to the collector. */
  readonly free: (() => void) | undefined

  constructor(bytes: Uint8Array, free?: () => void) {
    this.bytes = bytes
    this.free = free
  }

  /** The same, to be kept. */
  own(): EncodedResult {
    if (this.free === undefined) return this
    const bytes = this.bytes.slice()
    this.free()
    return new EncodedResult(bytes)
  }
}

export interface Answer {
  readonly batch: boolean
  readonly items: readonly AnswerItem[]
  /** The head at which it was read; absent where nothing depended on it. */
  readonly block?: BlockRef
  readonly verifiedNumber?: number
  /** Gives back the memory that encoded items lie in, once nobody reads them any more. */
  readonly free?: () => void
}

/** The three tags as one decided state of the feed; `position` is the feed position that decided it. */
export interface HeadContext {
  readonly position: number
  readonly head: BlockRef
  readonly safe: BlockRef
  readonly finalized: BlockRef
}
