/**
 * Transport without a network: messages travel between callers in one process after a delay that the test sets, in order, until somebody
 * cuts the way. All time comes from the given clock, so a run on a virtual clock is the same every time.
 */
import { concatBytes } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import { type Connection, lending, type Transport } from '#ports/net/transport.ts'

export interface MemoryTransport extends Transport {
  /** Loses every connection to this address, both ends, and refuses new ones until healed. */
  cut(address: string): void
  /** Keeps the connections to this address and delivers nothing on them until healed: a stopped process, a partition. */
  stall(address: string): void
  heal(address: string): void
  /** From now on a message to or from this address takes that long. */
  delay(address: string, ms: number): void
}

interface End extends Connection {
  lose(cause: unknown): void
  deliver(): void
}

interface Place {
  accept: ((connection: Connection) => void) | undefined
  state: 'open' | 'cut' | 'stalled'
  delayMs: number
  readonly ends: Set<End>
}

export function createMemoryTransport(clock: Clock): MemoryTransport {
  const places = new Map<string, Place>()
  let anyPort = 40_000
  const at = (address: string): Place => {
    const known = places.get(address)
    if (known !== undefined) return known
    const place: Place = { accept: undefined, state: 'open', delayMs: 0, ends: new Set() }
    places.set(address, place)
    return place
  }
  const loseAll = (place: Place): void => {
    for (const end of [...place.ends]) end.lose(new Fault('net/lost', 'the connection was cut'))
  }
  return {
    async listen(asked, onConnection) {
      const address = asked.endsWith(':0') ? `${asked.slice(0, -1)}${anyPort++}` : asked
      const place = at(address)
      if (place.accept !== undefined) throw new Fault('net/port-in-use', `${address} is taken`, { address })
      // Of this listener: another may listen at the address once this one does not.
      const accepted = new Set<Connection>()
      const accept = (connection: Connection): void => {
        accepted.add(connection)
        onConnection(connection)
      }
      place.accept = accept
      const leave = (): void => {
        if (place.accept === accept) place.accept = undefined
      }
      return {
        address,
        stopListening: async () => leave(),
        async close() {
          leave()
          for (const connection of accepted) connection.close()
        },
      }
    },
    async connect(address, { timeoutMs }) {
      const place = at(address)
      if (place.state === 'stalled') await clock.sleep(timeoutMs)
      if (place.state !== 'open' || place.accept === undefined)
        throw new Fault('net/unreachable', `nobody listens at ${address}`, { address })
      const [near, far] = createPair(clock, place, address)
      place.accept(far)
      return near
    },
    cut(address) {
      at(address).state = 'cut'
      loseAll(at(address))
    },
    stall(address) {
      at(address).state = 'stalled'
    },
    heal(address) {
      at(address).state = 'open'
      for (const end of at(address).ends) end.deliver()
    },
    delay(address, ms) {
      at(address).delayMs = ms
    },
  }
}

function createPair(clock: Clock, place: Place, address: string): [End, End] {
  const near = createEnd(clock, place, address)
  const far = createEnd(clock, place, 'memory')
  near.join(far)
  far.join(near)
  return [near, far]
}

function createEnd(
  clock: Clock,
  place: Place,
  peer: string,
): End & { join(other: Incoming): void } & Incoming {
  const inbox: Uint8Array[] = []
  let other: Incoming | undefined
  let onMessage: ((message: Uint8Array) => void) | undefined
  let onLost: ((cause: unknown) => void) | undefined
  let lost: { cause: unknown } | undefined
  const end = {
    peer,
    join(far: Incoming) {
      other = far
    },
    send(...parts: readonly Uint8Array[]) {
      if (lost !== undefined) return
      const copy = concatBytes(...parts)
      clock.after(place.delayMs, () => other?.arrive(copy))
    },
    queuedBytes: () => 0,
    onMessage(handler: (message: Uint8Array) => void, bytes?: 'lent') {
      onMessage = bytes === 'lent' ? lending(handler) : handler
      end.deliver()
    },
    onLost(handler: (cause: unknown) => void) {
      onLost = handler
      if (lost !== undefined) handler(lost.cause)
    },
    close() {
      const closed = new Fault('net/lost', 'the other side closed the connection')
      end.lose(closed)
      clock.after(place.delayMs, () => other?.lose(closed))
    },
    arrive(message: Uint8Array) {
      inbox.push(message)
      end.deliver()
    },
    deliver() {
      while (place.state !== 'stalled' && lost === undefined && onMessage !== undefined) {
        const message = inbox.shift()
        if (message === undefined) return
        onMessage(message)
      }
    },
    lose(cause: unknown) {
      if (lost !== undefined) return
      lost = { cause }
      place.ends.delete(end)
      onLost?.(cause)
    },
  }
  place.ends.add(end)
  return end
}

interface Incoming {
  arrive(message: Uint8Array): void
  lose(cause: unknown): void
}
