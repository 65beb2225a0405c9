/** Looks at one server's head again and again: when each block was first there, and that none goes back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { answer } from '#test/support/json-rpc.ts'

const ANSWER_MS_MAX = 45_000

export class HeadWatch {
  highest = -1
  /** By block number: when it, or a later one, was first shown; `performance.now()`. */
  readonly seenAtMs: number[] = []
  readonly wrongs: string[] = []
  /** Questions that got no number. */
  unanswered = 0
  readonly #name: string
  readonly #url: string
  readonly #everyMs: number
  #running = true
  readonly #done: Promise<void>

  constructor(name: string, url: string, everyMs: number) {
    this.#name = name
    this.#url = url
    this.#everyMs = everyMs
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #run(): Promise<void> {
    while (this.#running) {
      await sleep(this.#everyMs)
      try {
        const { result } = await answer(this.#url, 'eth_blockNumber', [], AbortSignal.timeout(ANSWER_MS_MAX))
        if (typeof result === 'string') this.#saw(Number(result))
        else this.unanswered++
      } catch {
        this.unanswered++
      }
    }
  }

  #saw(number: number): void {
    if (number < this.highest) this.wrongs.push(`${this.#name}: head ${number} after ${this.highest}`)
    for (let at = Math.max(this.highest, -1) + 1; at <= number; at++) this.seenAtMs[at] = performance.now()
    this.highest = Math.max(this.highest, number)
  }
}
