/**
 * A chain that grows whatever happens to those who follow it: a node of its own builds blocks at a steady pace, and clients are told of
 * them (fed-client.ts). Reorganisations replace the newest blocks by one more, with one change of head.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Alloc, type BlockMaker, type BuildOptions, type BuiltBlock, Devnet } from './devnet.ts'
import type { Finality, Hex } from './devnet.ts'
import { FedClient, type Tip } from './fed-client.ts'
import type { GethNode } from './node.ts'
import { createScenario, type Scenario } from './scenario.ts'

export class Network implements BlockMaker {
  readonly net: Devnet
  readonly clients: readonly FedClient[]
  /** When each block was built; `performance.now()`. */
  readonly builtAtMs = new Map<Hex, number>()
  readonly #scenario: Scenario
  readonly #blocks = new Map<Hex, BuiltBlock>()
  readonly #blockTimeMs: number
  #tip: Tip | undefined
  #running = false
  /** Blocks are made one after the other. */
  #making: Promise<void> = Promise.resolve()
  #pace: Promise<void> = Promise.resolve()

  private constructor(net: Devnet, nodes: readonly GethNode[], scenario: Scenario, blockTimeMs: number) {
    this.net = net
    this.#scenario = scenario
    this.#blockTimeMs = blockTimeMs
    this.clients = nodes.map((node) => new FedClient(node, net, this.#blocks))
  }

  static async start(options: {
    readonly clients: number
    readonly blockTimeMs: number
    readonly alloc?: Alloc
  }): Promise<Network> {
    const scenario = createScenario()
    const net = await Devnet.start({ alloc: { ...options.alloc, ...scenario.alloc }, nodes: 1 })
    try {
      const nodes: GethNode[] = []
      for (let i = 0; i < options.clients; i++) nodes.push(await net.addNode())
      return new Network(net, nodes, scenario, options.blockTimeMs)
    } catch (thrown) {
      await net.stop()
      throw thrown
    }
  }

  /** Of the builder, which nothing happens to. */
  get nodes(): readonly GethNode[] {
    return this.net.nodes.slice(0, 1)
  }
  get builder(): GethNode {
    return this.net.nodes[0] as GethNode
  }
  /** Those that sign the chain's transactions. */
  get accounts(): readonly string[] {
    return Object.keys(this.#scenario.alloc)
  }
  /** Without genesis. */
  get chain(): readonly BuiltBlock[] {
    return this.#scenario.chain
  }

  /** A part of `Scenario`'s work: builds, and tells nobody. */
  async produce(options: BuildOptions & Finality): Promise<BuiltBlock> {
    const block = await this.net.produce({ ...options, to: this.nodes })
    this.#blocks.set(block.hash, block)
    this.builtAtMs.set(block.hash, performance.now())
    const { safe, finalized } = options
    this.#tip = { index: (this.#tip?.index ?? -1) + 1, block, finality: { safe, finalized } }
    return block
  }

  /** Makes a block now. */
  block(): Promise<void> {
    return this.#make(async () => void (await this.#scenario.block(this)))
  }

  /** Replaces the newest `depth` blocks by `depth + 1` others. */
  reorg(depth: number): Promise<void> {
    return this.#make(() => this.#scenario.reorg(this, depth))
  }

  /** Blocks come at a steady pace until `quiet()`. */
  begin(): void {
    if (this.#running) return
    this.#running = true
    this.#pace = this.#grow()
  }

  async quiet(): Promise<void> {
    this.#running = false
    await this.#pace
    await this.#making
  }

  async stop(): Promise<void> {
    await this.quiet().catch(() => {})
    await Promise.all(this.clients.map((client) => client.stop()))
    await this.net.stop()
  }

  async #grow(): Promise<void> {
    for (let due = performance.now(); this.#running; ) {
      await this.block()
      due = Math.max(due + this.#blockTimeMs, performance.now())
      await sleep(Math.max(0, due - performance.now()))
    }
  }

  #make(work: () => Promise<void>): Promise<void> {
    const made = this.#making.then(async () => {
      await work()
      const tip = this.#tip
      if (tip !== undefined) for (const client of this.clients) client.announce(tip)
    })
    this.#making = made.catch(() => {}) // whoever asked for it is told
    return made
  }
}
