/**
 * An execution client that hears of blocks as from a consensus client of its own: in order, after a delay that the test sets, or not at all
 * while it is held. It may be paused, stopped or killed at any moment: what it missed is told again as soon as it answers, and where it has
 * lost blocks that it knew (geth after SIGKILL), from the newest that it still has, at worst from genesis on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BuiltBlock, Devnet, Finality, Hex } from './devnet.ts'
import type { GethNode } from './node.ts'

/** One word of the network: this is the head now. */
export interface Tip {
  /** Grows from tip to tip. */
  readonly index: number
  readonly block: BuiltBlock
  readonly finality: Finality
}

/** Blocks after which a client that catches up is told of a head. */
const HEAD_EVERY_BLOCKS = 16
const AGAIN_MS = 100

export class FedClient {
  readonly node: GethNode
  /** From the network's word to this client's. */
  delayMs = 0
  /** When the client was told of each block as its head; `performance.now()`. */
  readonly headAtMs = new Map<Hex, number>()
  /** How often it had lost all its blocks. */
  wipes = 0
  /** Blocks that it calls invalid: a fault of the test's, or the client's. */
  readonly refused: string[] = []
  readonly #net: Devnet
  readonly #blocks: ReadonlyMap<Hex, BuiltBlock>
  /** What it has executed and not forgotten, as far as we know. */
  readonly #known = new Set<Hex>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #due: Tip | undefined
  #told = -1
  #isHeld = false
  #isOver = false
  #restarting: Promise<void> | undefined
  #bell = Promise.withResolvers<void>()
  readonly #following: Promise<void>

  constructor(node: GethNode, net: Devnet, blocks: ReadonlyMap<Hex, BuiltBlock>) {
    this.node = node
    this.#net = net
    this.#blocks = blocks
    this.#following = this.#follow()
  }

  announce(tip: Tip): void {
    const hear = (): void => {
      if (tip.index > (this.#due?.index ?? -1)) this.#due = tip
      this.#bell.resolve()
    }
    if (this.delayMs === 0) return hear()
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      hear()
    }, this.delayMs)
    this.#timers.add(timer)
  }

  /** Its consensus client falls silent: it lives and answers, and its head stands still. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.#bell.resolve()
  }

  /** In order: it loses nothing. */
  async restart(): Promise<void> {
    await this.#restarted(() => this.node.stop('SIGINT'))
  }

  /** What it keeps is up to it. @param options.wipe it comes back with an empty disk */
  async kill(options: { readonly wipe: boolean; readonly downMs?: number }): Promise<void> {
    await this.#restarted(async () => {
      await this.node.stop('SIGKILL')
      await sleep(options.downMs ?? 0)
      if (options.wipe) await this.#wipe()
    })
  }

  /** For whoever waits for it in vain. */
  describe(): string {
    const state = {
      ...{ isRunning: this.node.isRunning, told: this.#told, due: this.#due?.index, known: this.#known.size },
      ...{ wipes: this.wipes, refused: this.refused },
    }
    return `${JSON.stringify(state)}\n${this.node.logTail()}`
  }

  /** Whether it was told of everything that is due. */
  get isUpToDate(): boolean {
    return this.#due === undefined || this.#told === this.#due.index
  }

  async stop(): Promise<void> {
    this.#isOver = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#bell.resolve()
    this.node.resume()
    await this.#restarting
    await this.node.stop('SIGKILL')
    await this.#following
  }

  /** One after another: two at once would start two clients on one folder. */
  async #restarted(end: () => Promise<void>): Promise<void> {
    while (this.#restarting !== undefined) await this.#restarting.catch(() => {})
    this.#restarting = (async () => {
      await end()
      if (!this.node.isRunning) await this.node.start()
    })().finally(() => (this.#restarting = undefined))
    await this.#restarting
  }

  async #wipe(): Promise<void> {
    this.#known.clear()
    this.#told = -1
    this.wipes++
    await this.node.reset()
  }

  async #follow(): Promise<void> {
    while (!this.#isOver) {
      const tip = this.#due
      if (tip === undefined || this.#isHeld || this.#told === tip.index) {
        await this.#bell.promise
        this.#bell = Promise.withResolvers()
        continue
      }
      try {
        await this.#restarting
        await this.#tell(tip)
      } catch {
        // It is down, or was a moment ago, or has lost what it had: what it really knows is asked when it answers.
        await sleep(AGAIN_MS)
        await this.#relearn().catch(() => {})
      }
    }
  }

  async #tell(tip: Tip): Promise<void> {
    const missing = this.#unknownUpTo(tip.block)
    for (const [i, block] of missing.entries()) {
      const status = await this.#net.offer(this.node, block)
      if (status === 'INVALID') this.refused.push(`block ${block.number} ${block.hash}`)
      if (status !== 'VALID') throw new Error(`block ${block.number} is ${status}`)
      this.#known.add(block.hash)
      if (i % HEAD_EVERY_BLOCKS === HEAD_EVERY_BLOCKS - 1 && i < missing.length - 1)
        await this.#net.setHead(this.node, block.hash)
    }
    const atMs = performance.now()
    await this.#net.setHead(this.node, tip.block.hash, tip.finality)
    this.headAtMs.set(tip.block.hash, this.headAtMs.get(tip.block.hash) ?? atMs)
    this.#told = tip.index
  }

  /**
   * What it still has: its head and what that stands on, and perhaps some blocks more. Where it takes nothing on those, as a geth does that
   * has a block and not its state, it begins at genesis.
   */
  async #relearn(): Promise<void> {
    if (!this.node.isRunning || this.#restarting !== undefined) return
    const { hash } = (await this.node.rpc('eth_getBlockByNumber', 'latest', false)) as { hash: Hex }
    this.#known.clear()
    for (let at = this.#blocks.get(hash); at !== undefined; at = this.#blocks.get(at.parentHash))
      this.#known.add(at.hash)
    const tip = this.#due
    if (tip === undefined) return
    for (const block of this.#unknownUpTo(tip.block)) {
      const status = await this.#net.offer(this.node, block)
      if (status === 'SYNCING' || status === 'ACCEPTED') return this.#restarted(() => this.#wipe())
      if (status !== 'VALID') return
      this.#known.add(block.hash)
    }
  }

  /** The lowest first. */
  #unknownUpTo(tip: BuiltBlock): BuiltBlock[] {
    const unknown: BuiltBlock[] = []
    for (let at = this.#blocks.get(tip.hash); at !== undefined && !this.#known.has(at.hash); ) {
      unknown.push(at)
      at = this.#blocks.get(at.parentHash)
    }
    return unknown.toReversed()
  }
}
