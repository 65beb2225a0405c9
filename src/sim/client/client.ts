/**
 * An execution client as a master meets it: it hears late of new blocks, sometimes forgets to tell its subscribers, is restarted, and may
 * come back without its newest blocks until it hears again. What it has on disk outlives it.
 */
import type { Prng } from '#kernel/prng.ts'
import type { End, Network } from '#sim/net/network.ts'
import type { Life, Program } from '#sim/world/life.ts'
import { ancestor, type ClientView, type Consensus, describe } from './consensus.ts'
import type { BuiltBlock } from './block-builder.ts'
import { answerCall, type Pool } from './answers.ts'

export interface ClientFaults {
  /** Milliseconds until news arrives; drawn anew each time. */
  newsMs: { min: number; max: number }
  answerMs: { min: number; max: number }
  /** Chance that a new head is not told to subscribers. */
  forgets: number
  /** Chance that a restart loses blocks. */
  losesBlocks: number
}

export interface SimClient {
  readonly url: string
  readonly faults: ClientFaults
  readonly program: Program
  head(): BuiltBlock
  /** It was ever given this transaction. */
  took(hash: string): boolean
  /** When its next answer with a whole block is on its way. */
  onceAnswered(does: () => void): void
}

const BLOCKS_LOST_MAX = 8
const NEWS_AGAIN_MS = 900
const FIRST_NEWS_MS_MAX = 1_200

export function createSimClient(
  index: number,
  parts: { readonly consensus: Consensus; readonly network: Network; readonly random: Prng },
): SimClient {
  const { consensus, network, random } = parts
  const url = `ws://client-${index}:8546`
  const faults: ClientFaults = {
    newsMs: { min: 1, max: 30 },
    answerMs: { min: 0.1, max: 1 },
    forgets: 0,
    losesBlocks: 0.3,
  }
  let view = consensus.view(index)
  const known = new Set<string>()
  const taken = new Set<string>()
  let answered: (() => void) | undefined
  let hear: (() => void) | undefined
  consensus.onNews((client) => {
    if (client === index) hear?.()
  })
  const learn = (next: ClientView): void => {
    view = next
    for (let at: BuiltBlock | undefined = next.head; at !== undefined && !known.has(at.hash); at = at.parent)
      known.add(at.hash)
  }
  learn(view)
  const loseBlocks = (life: Life): void => {
    const { head, finalized } = view
    const lost = Math.min(random.between(1, BLOCKS_LOST_MAX), head.number - finalized.number)
    for (let i = 0; i < lost; i++) known.delete(ancestor(head, i).hash)
    const back = ancestor(head, lost)
    view = { head: back, safe: finalized, finalized }
    life.log.warn('lost its newest blocks', { head: describe(back) })
  }

  return {
    url,
    faults,
    head: () => view.head,
    took: (hash) => taken.has(hash),
    onceAnswered(does) {
      answered = does
    },
    program(life) {
      if (life.number > 1 && random.chance(faults.losesBlocks)) loseBlocks(life)
      const subscribers = new Set<End<string>>()
      // Gone with its process.
      const waiting = new Set<string>()
      const pool: Pool = {
        has: (hash) => waiting.has(hash),
        add(hash) {
          waiting.add(hash)
          taken.add(hash)
        },
      }
      const heard = (): void => {
        const before = view.head
        learn(consensus.view(index))
        if (view.head !== before && !random.chance(faults.forgets)) tell(subscribers, view.head)
      }
      const hearSoon = (): void =>
        void life.after(between(faults.newsMs, random), () => {
          const { head, safe, finalized } = consensus.view(index)
          if (head !== view.head || safe !== view.safe || finalized !== view.finalized) heard()
        })
      life.onEnd(() => {
        if (hear === hearSoon) hear = undefined
      })
      // Consensus clients repeat themselves; after a restart it takes them a while to find each other.
      const again = (): void => {
        hear = hearSoon
        hearSoon()
        life.after(NEWS_AGAIN_MS, again)
      }
      if (life.number === 1) again()
      else life.after(random.between(0, FIRST_NEWS_MS_MAX), again)
      network.listen<string>(life, url, (end) => {
        end.onLost(() => subscribers.delete(end))
        end.onMessage((text) => {
          life.after(between(faults.answerMs, random), () => {
            const ofHash = (hash: string): BuiltBlock | undefined =>
              known.has(hash) ? consensus.block(hash) : undefined
            const { answer, subscribes } = answerCall(text, view, ofHash, pool)
            if (subscribes) subscribers.add(end)
            end.send(answer, answer.length)
            if (answered === undefined || !asksForBlock(text)) return
            answered()
            answered = undefined
          })
        })
      })
      const { promise, resolve } = Promise.withResolvers<void>()
      life.signal.addEventListener('abort', () => resolve(), { once: true })
      return promise
    },
  }
}

function asksForBlock(text: string): boolean {
  return text.includes('"eth_getBlockByHash"') && text.includes(',true]')
}

function tell(subscribers: ReadonlySet<End<string>>, { json }: BuiltBlock): void {
  const text = `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":${json.hashes}}}`
  for (const end of subscribers) end.send(text, text.length)
}

function between({ min, max }: { readonly min: number; readonly max: number }, random: Prng): number {
  return min + random.unit() * (max - min)
}
