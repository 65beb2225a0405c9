/** What a user asked and what came back: the history that promises are checked against. */
import { toHex } from '#kernel/bytes.ts'
import { notebook } from '#sim/client/genesis.ts'
import { slotOf } from '#sim/client/model.ts'

/** Where state is asked for: the bound block, a number, or a block by hash. */
export type Place = 'latest' | number | { readonly hash: string }

export type Question =
  | { readonly kind: 'blockNumber' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'mark'; readonly tag: 'safe' | 'finalized' }
  | { readonly kind: 'balance'; readonly address: string; readonly place: Place }
  | { readonly kind: 'nonce'; readonly address: string; readonly place: Place }
  | { readonly kind: 'slot'; readonly slot: number; readonly place: Place }
  | {
      readonly kind: 'proof'
      readonly address: string
      readonly slot: number | undefined
      readonly place: Place
    }
  | { readonly kind: 'byHash'; readonly hash: string }
  | { readonly kind: 'byNumber'; readonly number: number }
  | { readonly kind: 'receipt' | 'transaction'; readonly transaction: string }
  | { readonly kind: 'logs'; readonly hash: string }
  | { readonly kind: 'pending'; readonly address: string }
  | { readonly kind: 'send'; readonly raw: string; readonly transaction: string }

export type Item =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } }

export interface Exchange {
  readonly user: string
  readonly sentMs: number
  readonly receivedMs: number
  readonly minBlock: number
  /** One of several that were sent at once: some may be refused for being too many. */
  readonly isInBurst: boolean
  readonly questions: readonly Question[]
  readonly outcome:
    | {
        readonly kind: 'answered'
        readonly status: number
        /** From the response's headers. */
        readonly head: { readonly number: number; readonly hash: string } | undefined
        readonly items: readonly Item[]
      }
    /** Nobody answered, or what came was no answer. */
    | { readonly kind: 'failed'; readonly why: string }
}

/** What users' libraries try again. */
export const RETRIED: readonly number[] = [-32005, -32002]

export function asText(questions: readonly Question[]): string {
  const calls = questions.map((question, id) => {
    const [method, params] = callOf(question)
    return { jsonrpc: '2.0', id, method, params }
  })
  return JSON.stringify(calls)
}

function callOf(question: Question): [method: string, params: readonly unknown[]] {
  switch (question.kind) {
    case 'blockNumber':
      return ['eth_blockNumber', []]
    case 'latest':
      return ['eth_getBlockByNumber', ['latest', false]]
    case 'mark':
      return ['eth_getBlockByNumber', [question.tag, false]]
    case 'balance':
      return ['eth_getBalance', [question.address, placeText(question.place)]]
    case 'nonce':
      return ['eth_getTransactionCount', [question.address, placeText(question.place)]]
    case 'slot':
      return ['eth_getStorageAt', [toHex(notebook), toHex(slotOf(question.slot)), placeText(question.place)]]
    case 'proof': {
      const slots = question.slot === undefined ? [] : [toHex(slotOf(question.slot))]
      return ['eth_getProof', [question.address, slots, placeText(question.place)]]
    }
    case 'byHash':
      return ['eth_getBlockByHash', [question.hash, false]]
    case 'byNumber':
      return ['eth_getBlockByNumber', [`0x${question.number.toString(16)}`, false]]
    case 'receipt':
      return ['eth_getTransactionReceipt', [question.transaction]]
    case 'transaction':
      return ['eth_getTransactionByHash', [question.transaction]]
    case 'logs':
      return ['eth_getLogs', [{ blockHash: question.hash }]]
    case 'pending':
      return ['eth_getBalance', [question.address, 'pending']]
    case 'send':
      return ['eth_sendRawTransaction', [question.raw]]
  }
}

function placeText(place: Place): unknown {
  if (place === 'latest') return place
  return typeof place === 'number' ? `0x${place.toString(16)}` : { blockHash: place.hash }
}

/** The answers in the order of the questions; undefined where the body is no batch of answers. */
export function itemsOf(body: string, count: number): readonly Item[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined // not JSON: an answer of no kind
  }
  if (!Array.isArray(value)) return undefined
  const answers = value as ({ id: number } & Item)[]
  return answers.length === count && answers.every(({ id }, i) => id === i) ? answers : undefined
}
