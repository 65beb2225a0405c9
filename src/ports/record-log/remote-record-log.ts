/**
 * The embedded log as other processes use it: a RecordLog over a connection to its host. A lost connection ends it; whoever uses it opens
 * another. An append whose answer was lost may have been written: `feed/append-unknown` says so, and the user reads back to know.
 */
import { Fault, messageOf } from '#kernel/fault.ts'
import {
  decodeFromHost,
  encodeToHost,
  FEED_HOST_VERSION,
  type FromHost,
  type ToHost,
} from './feed-host-protocol.ts'
import type { LogBounds, LogRecord, LogSegment, TrimmableLog } from './record-log.ts'
import type { Connection, Transport } from '#ports/net/transport.ts'

const CONNECT_TIMEOUT_MS = 5_000

/** @throws Fault net/unreachable, feed/version */
export async function openRemoteRecordLog(address: string, transport: Transport): Promise<TrimmableLog> {
  const remote = new Remote(address, await transport.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS }))
  await remote.greet()
  return remote
}

interface Pending {
  readonly kind: ToHost['kind']
  settle(answer: FromHost): void
  fail(thrown: unknown): void
}

interface Tail {
  readonly queue: (readonly LogRecord[])[]
  wake: () => void
  failure: unknown
}

class Remote implements TrimmableLog {
  readonly #address: string
  readonly #connection: Connection
  readonly #pending = new Map<number, Pending>()
  readonly #tails = new Map<number, Tail>()
  #lastId = 0
  #identity = ''
  #lost: Fault | undefined

  constructor(address: string, connection: Connection) {
    this.#address = address
    this.#connection = connection
    connection.onLost((cause) => this.#onLost(cause))
    connection.onMessage((bytes) => this.#onMessage(decodeFromHost(bytes)))
  }

  async greet(): Promise<void> {
    const welcome = (await this.#ask({ kind: 'hello', version: FEED_HOST_VERSION })) as FromHost & {
      kind: 'welcome'
    }
    if (welcome.version !== FEED_HOST_VERSION) {
      this.#connection.close()
      throw new Fault(
        'feed/version',
        `the feed host at ${this.#address} speaks version ${welcome.version}, this release ${FEED_HOST_VERSION}`,
        { version: welcome.version },
      )
    }
    this.#identity = welcome.identity
  }

  async append(records: readonly Uint8Array[]): Promise<readonly number[]> {
    return ((await this.#ask({ kind: 'append', records })) as FromHost & { kind: 'appended' }).positions
  }
  async read(from: number, { maxBytes }: { readonly maxBytes: number }): Promise<readonly LogRecord[]> {
    return ((await this.#ask({ kind: 'read', from, maxBytes })) as FromHost & { kind: 'records' }).records
  }
  async bounds(): Promise<LogBounds> {
    const { first, next } = (await this.#ask({ kind: 'bounds' })) as FromHost & { kind: 'bounds' }
    return { first, next }
  }
  async trim(before: number): Promise<LogBounds> {
    const { first, next } = (await this.#ask({ kind: 'trim', before })) as FromHost & { kind: 'bounds' }
    return { first, next }
  }
  async segments(): Promise<readonly LogSegment[]> {
    return ((await this.#ask({ kind: 'segments' })) as FromHost & { kind: 'segments' }).segments
  }
  async identity(): Promise<string> {
    return this.#identity
  }
  async close(): Promise<void> {
    this.#connection.close()
    this.#onLost('closed')
  }

  async *tail(from: number, signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
    const id = ++this.#lastId
    const tail: Tail = { queue: [], wake: () => {}, failure: this.#lost }
    this.#tails.set(id, tail)
    this.#send({ kind: 'tail', id, from })
    const onAbort = (): void => tail.wake()
    signal.addEventListener('abort', onAbort)
    try {
      while (!signal.aborted) {
        const batch = tail.queue.shift()
        if (batch !== undefined) {
          yield batch
          this.#send({ kind: 'acknowledge', id, bytes: bytesOf(batch) })
        } else if (tail.failure !== undefined) throw tail.failure
        else await new Promise<void>((resolve) => (tail.wake = resolve))
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#tails.delete(id)
      if (this.#lost === undefined) this.#send({ kind: 'stopTail', id })
    }
  }

  #ask(message: Request): Promise<FromHost> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    const { promise, resolve, reject } = Promise.withResolvers<FromHost>()
    const id = ++this.#lastId
    this.#pending.set(id, { kind: message.kind, settle: resolve, fail: reject })
    this.#send({ ...message, id } as ToHost)
    return promise
  }
  #send(message: ToHost): void {
    this.#connection.send(encodeToHost(message))
  }

  #onMessage(message: FromHost): void {
    const tail = this.#tails.get(message.id)
    if (tail !== undefined) {
      if (message.kind === 'records') tail.queue.push(message.records)
      if (message.kind === 'failed') tail.failure = new Fault(message.code, message.message)
      tail.wake()
      return
    }
    const asked = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (message.kind === 'failed') asked?.fail(new Fault(message.code, message.message))
    else asked?.settle(message)
  }

  #onLost(cause: unknown): void {
    if (this.#lost !== undefined) return
    const why = cause === undefined ? 'the host closed it' : messageOf(cause)
    this.#lost = new Fault(
      'feed/lost',
      `the connection to the feed host at ${this.#address} is lost: ${why}`,
      {},
      { cause },
    )
    for (const { kind, fail } of this.#pending.values()) {
      if (kind !== 'append') fail(this.#lost)
      else
        fail(
          new Fault(
            'feed/append-unknown',
            'the connection was lost during an append: read back to know whether it was written',
            {},
            { cause },
          ),
        )
    }
    this.#pending.clear()
    for (const tail of this.#tails.values()) {
      tail.failure = this.#lost
      tail.wake()
    }
  }
}

type Request = ToHost extends infer M ? (M extends ToHost ? Omit<M, 'id'> : never) : never

export function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
