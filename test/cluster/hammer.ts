/** A client that asks one thing after the other and judges what it is told: no head goes back, what was shown stays known, a batch is of one block. */
import { setTimeout as sleep } from 'node:timers/promises'
import { answer, post, type RpcAnswer } from '#test/support/json-rpc.ts'

interface Block {
  readonly number: string
  readonly hash: string
}

/** Longer than any request may take. */
const ANSWER_MS_MAX = 45_000

export class Hammer {
  highest = -1
  answers = 0
  readonly wrongs: string[] = []
  readonly #url: string
  readonly #everyMs: number
  #running = true
  readonly #done: Promise<void>

  /** @param everyMs between two rounds of questions; unless said it asks as fast as it can */
  constructor(url: string, everyMs = 0) {
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
      if (this.#everyMs > 0) await sleep(this.#everyMs)
      try {
        const number = await this.#ask('eth_blockNumber', [])
        if (typeof number.result === 'string') this.#saw(Number(number.result))
        const latest = await this.#ask('eth_getBlockByNumber', ['latest', false])
        const block = latest.result as Block | undefined
        if (block === undefined) continue
        this.#saw(Number(block.number))
        await this.#batch()
        const again = await this.#ask('eth_getBlockByNumber', [block.number, false])
        if (again.result === null) this.wrongs.push(`block ${block.number} was shown and then unknown`)
      } catch (thrown) {
        // The gateway itself is being killed: connection refused is no answer, so nothing to judge. Silence is.
        if ((thrown as Error).name === 'TimeoutError')
          this.wrongs.push(`no answer within ${ANSWER_MS_MAX} ms`)
      }
    }
  }
  #ask(method: string, params: readonly unknown[]): Promise<RpcAnswer> {
    return answer(this.#url, method, params, AbortSignal.timeout(ANSWER_MS_MAX))
  }
  /** All of one batch is read at one block. */
  async #batch(): Promise<void> {
    const call = (id: number, method: string, params: readonly unknown[]) => ({
      jsonrpc: '2.0',
      id,
      method,
      params,
    })
    const calls = [
      call(0, 'eth_blockNumber', []),
      call(1, 'eth_getBlockByNumber', ['latest', false]),
      call(2, 'eth_getBlockByNumber', ['latest', true]),
    ]
    const response = await post(this.#url, calls, {}, AbortSignal.timeout(ANSWER_MS_MAX))
    const items: unknown = await response.json()
    if (!Array.isArray(items)) return // refused as a whole
    const [number, one, other] = (items as readonly RpcAnswer[]).map((item) => item.result)
    if (number === undefined || one === undefined || other === undefined) return
    const blocks = [one as Block, other as Block]
    this.#saw(Number(number))
    if (blocks.some((block) => block.number !== number || block.hash !== (one as Block).hash))
      this.wrongs.push(
        `a batch was torn: ${String(number)} and ${blocks.map((block) => block.hash).join(', ')}`,
      )
  }
  #saw(number: number): void {
    this.answers++
    if (number < this.highest) this.wrongs.push(`head ${number} after ${this.highest}`)
    this.highest = Math.max(this.highest, number)
  }
}
