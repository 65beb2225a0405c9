/**
 * The simulated network: connections as TCP gives them. Messages of one direction arrive in order, each once, late by what the way takes, or
 * the connection is lost and whatever was on its way with it. A cut way delivers nothing until it is healed; connections over it live on.
 */
import { Fault } from '#kernel/fault.ts'
import type { Prng } from '#kernel/prng.ts'
import type { Life } from '#sim/world/life.ts'
import type { World } from '#sim/world/world.ts'

/** One end of a connection, of messages of any kind; `M` is copied by whoever needs it. */
export interface End<M> {
  /** The process at the other end. */
  readonly peer: string
  send(message: M, bytes: number): void
  /** Sent and not arrived. */
  queuedBytes(): number
  onMessage(handler: (message: M) => void): void
  onLost(handler: (cause: unknown) => void): void
  close(): void
}

export interface Network {
  listen<M>(life: Life, address: string, accept: (end: End<M>) => void): { close(): void }
  /** @throws Fault net/unreachable */
  connect<M>(life: Life, address: string, timeoutMs: number): Promise<End<M>>
  /** Milliseconds that one message takes between two processes, on top of what chance adds. */
  setLatency(ms: { readonly min: number; readonly max: number }): void
  /** Nothing passes between the two processes until healed. */
  cut(a: string, b: string): void
  heal(a: string, b: string): void
  healAll(): void
  /** Loses one of the open connections, chosen by the number. */
  breakOne(choice: number): string | undefined
  connections(): number
  connectionsOf(process: string): readonly string[]
}

interface Listening {
  readonly life: Life
  readonly accept: (end: End<unknown>) => void
}

interface Item {
  readonly message: unknown
  readonly bytes: number
  /** Set for the last item of a direction: the other side closed. */
  readonly closed?: Fault
}

export function createNetwork(world: World): Network {
  const random = world.random.child('network')
  const listeners = new Map<string, Listening>()
  const links = new Set<Link>()
  const cuts = new Set<string>()
  let latency = { min: 0.1, max: 1 }

  const isCut = (a: string, b: string): boolean => cuts.size > 0 && cuts.has(way(a, b))
  const latencyMs = (): number => latency.min + random.unit() * (latency.max - latency.min)
  const openLink = (near: Life, far: Life): Link => {
    const link = new Link(near, far, { world, random, isCut, latencyMs, ended: () => links.delete(link) })
    links.add(link)
    return link
  }
  const deliverOver = (healed: (link: Link) => boolean): void => {
    for (const link of links) if (healed(link)) link.healed()
  }

  return {
    listen(life, address, accept) {
      if (listeners.get(address)?.life.isAlive() === true)
        throw new Fault('net/port-in-use', `${address} is taken`, { address })
      const entry: Listening = { life, accept: accept as Listening['accept'] }
      listeners.set(address, entry)
      const close = (): void => {
        if (listeners.get(address) === entry) listeners.delete(address)
      }
      life.onEnd(close)
      return { close }
    },
    connect<M>(life: Life, address: string, timeoutMs: number): Promise<End<M>> {
      const { promise, resolve, reject } = Promise.withResolvers<End<M>>()
      const refuse = (why: string): void =>
        reject(new Fault('net/unreachable', `${address} cannot be reached: ${why}`, { address }))
      life.after(latencyMs(), () => {
        const there = listeners.get(address)
        if (there === undefined || !there.life.isAlive()) return refuse('nobody listens')
        const peer = there.life.name
        if (isCut(life.name, peer)) {
          life.after(timeoutMs, () => refuse('it does not answer'))
          return
        }
        const link = openLink(life, there.life)
        // The system accepts for a process that is paused: the dialler is connected at once.
        there.life.after(latencyMs(), () => there.accept(link.far))
        life.after(latencyMs(), () => resolve(link.near as End<M>))
      })
      return promise
    },
    setLatency(ms) {
      latency = ms
    },
    cut(a, b) {
      cuts.add(way(a, b))
    },
    heal(a, b) {
      cuts.delete(way(a, b))
      deliverOver((link) => link.joins(a, b))
    },
    healAll() {
      cuts.clear()
      deliverOver(() => true)
    },
    breakOne(choice) {
      const open = [...links]
      const link = open[choice % Math.max(1, open.length)]
      link?.break()
      return link?.describe()
    },
    connections: () => links.size,
    connectionsOf: (process) =>
      [...links].filter((link) => link.touches(process)).map((link) => link.describe()),
  }
}

function way(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

interface LinkParts {
  readonly world: World
  readonly random: Prng
  readonly isCut: (a: string, b: string) => boolean
  readonly latencyMs: () => number
  readonly ended: () => void
}

class Link {
  readonly near: End<unknown>
  readonly far: End<unknown>
  readonly #there: Direction
  readonly #back: Direction
  readonly #names: readonly [string, string]

  constructor(near: Life, far: Life, parts: LinkParts) {
    this.#names = [near.name, far.name]
    const endWhenBoth = (): void => {
      if (this.#there.isEnded() && this.#back.isEnded()) parts.ended()
    }
    this.#there = new Direction(near, far, parts, endWhenBoth)
    this.#back = new Direction(far, near, parts, endWhenBoth)
    this.near = endOf(near, this.#there, this.#back, this.#names[1])
    this.far = endOf(far, this.#back, this.#there, this.#names[0])
    // What was sent before a crash may still arrive, or the crash resets the connection.
    const died = (own: Direction, other: Direction) => (): void => {
      const gone = new Fault('net/lost', 'the process at the other end is gone')
      if (parts.random.chance(0.5)) own.dropAll()
      own.close(gone)
      other.end()
    }
    near.onEnd(died(this.#there, this.#back))
    far.onEnd(died(this.#back, this.#there))
  }

  describe(): string {
    return this.#names.join(' ↔ ')
  }
  touches(process: string): boolean {
    return this.#names.includes(process)
  }
  joins(a: string, b: string): boolean {
    return this.touches(a) && this.touches(b)
  }
  healed(): void {
    this.#there.healed()
    this.#back.healed()
  }
  break(): void {
    const cause = new Fault('net/lost', 'the connection was reset')
    for (const direction of [this.#there, this.#back]) {
      direction.dropAll()
      direction.close(cause)
    }
  }
}

/** From one process to the other. */
class Direction {
  readonly #from: Life
  readonly #to: Life
  readonly #parts: LinkParts
  readonly #onEnded: () => void
  #onMessage: ((message: unknown) => void) | undefined
  #onLost: ((cause: unknown) => void) | undefined
  #inbox: unknown[] = []
  #lost: { readonly cause: unknown } | undefined
  readonly #queue: Item[] = []
  /** Arrivals that a cut way holds up. */
  #heldUp = 0
  #lastDueMs = 0
  #onTheWay = 0
  /** Items of an earlier age were dropped on their way. */
  #age = 0
  #closed = false
  #ended = false

  constructor(from: Life, to: Life, parts: LinkParts, onEnded: () => void) {
    this.#from = from
    this.#to = to
    this.#parts = parts
    this.#onEnded = onEnded
  }

  send(message: unknown, bytes: number): void {
    if (this.#closed || this.#ended || !this.#from.isAlive()) return
    this.#onTheWay += bytes
    this.#travel({ message, bytes })
  }
  queuedBytes(): number {
    return this.#onTheWay
  }
  close(closed: Fault): void {
    if (this.#closed || this.#ended) return
    this.#closed = true
    this.#travel({ message: undefined, bytes: 0, closed })
  }
  /** What is on its way is lost, also the word that it was closed. */
  dropAll(): void {
    this.#age++
    this.#onTheWay = 0
    this.#queue.length = 0
    this.#heldUp = 0
    this.#closed = false
  }
  /** Nobody hears any more what comes this way. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#onEnded()
  }
  isEnded(): boolean {
    return this.#ended
  }
  healed(): void {
    const { world, latencyMs } = this.#parts
    this.#lastDueMs = Math.max(this.#lastDueMs, world.scheduler.nowMs() + latencyMs())
    for (; this.#heldUp > 0; this.#heldUp--) this.#arriveAt(this.#lastDueMs)
  }
  listen(handler: (message: unknown) => void): void {
    this.#onMessage = handler
    for (const message of this.#inbox.splice(0)) handler(message)
  }
  whenLost(handler: (cause: unknown) => void): void {
    this.#onLost = handler
    if (this.#lost !== undefined) handler(this.#lost.cause)
  }

  /** The receiving side gave the connection up itself. */
  loseHere(cause: Fault): void {
    if (this.#ended) return
    this.#lost = { cause }
    this.end()
    this.#onLost?.(cause)
  }

  #travel(item: Item): void {
    const { world, latencyMs } = this.#parts
    this.#queue.push(item)
    this.#lastDueMs = Math.max(this.#lastDueMs, world.scheduler.nowMs() + latencyMs())
    this.#arriveAt(this.#lastDueMs)
  }

  /** As many arrivals as items, each of the oldest item: whatever is held up on its way, order holds. */
  #arriveAt(dueMs: number): void {
    const age = this.#age
    this.#to.after(dueMs - this.#parts.world.scheduler.nowMs(), () => {
      if (age === this.#age) this.#arrive()
    })
  }

  #arrive(): void {
    if (this.#ended) return
    if (this.#parts.isCut(this.#from.name, this.#to.name)) {
      this.#heldUp++
      return
    }
    const item = this.#queue.shift()
    if (item === undefined) return
    this.#onTheWay -= item.bytes
    if (item.closed !== undefined) this.loseHere(item.closed)
    else if (this.#onMessage === undefined) this.#inbox.push(item.message)
    else this.#onMessage(item.message)
  }
}

function endOf(life: Life, out: Direction, back: Direction, peer: string): End<unknown> {
  return {
    peer,
    send: (message, bytes) => out.send(message, bytes),
    queuedBytes: () => out.queuedBytes(),
    onMessage: (handler) => back.listen(handler),
    onLost: (handler) => back.whenLost(handler),
    close() {
      const closed = new Fault('net/lost', 'the other side closed the connection')
      out.close(closed)
      if (back.isEnded()) return
      // As a socket's own close event: later, and once.
      life.after(0, () => back.loseHere(closed))
    },
  }
}
