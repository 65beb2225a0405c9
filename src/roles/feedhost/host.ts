/**
 * The feed host: the only process that writes the embedded log. Others append and read through it over connections; what is appended is
 * pushed to tails as soon as it is synced, within a window of unacknowledged bytes, so that a slow reader costs no memory.
 */
import { faultCode, messageOf } from '#kernel/fault.ts'
import { assert } from '#kernel/assert.ts'
import {
  decodeToHost,
  encodeFromHost,
  FEED_HOST_VERSION,
  type FromHost,
  TAIL_WINDOW_BYTES,
  type ToHost,
} from '#ports/record-log/feed-host-protocol.ts'
import type { Logger } from '#ports/logger.ts'
import type { Meter } from '#ports/meter/meter.ts'
import type { Connection, Listener, Transport } from '#ports/net/transport.ts'
import type { SegmentedLog } from './segmented-log.ts'
import { feedHostLimits } from './limits.ts'

/** Of one read, whatever the client wishes. */
const READ_BYTES_MAX = feedHostLimits.readBytesMax.value
const PUSH_BYTES_MAX = feedHostLimits.pushBytesMax.value
const CONNECTIONS_MAX = feedHostLimits.connectionsMax.value
const TAILS_PER_CONNECTION_MAX = feedHostLimits.connectionTailsMax.value

export interface FeedHostParts {
  readonly log: SegmentedLog
  readonly transport: Transport
  readonly logger: Logger
  readonly meter: Meter
}

/** @throws Fault net/port-in-use, net/refused */
export async function startFeedHost(
  address: string,
  parts: FeedHostParts,
): Promise<Omit<Listener, 'stopListening'>> {
  const metrics = {
    appended: parts.meter.counter('drover_feedhost_records_appended_total', 'records appended to the log'),
    bytes: parts.meter.counter('drover_feedhost_appended_bytes_total', 'bytes of records appended'),
    connections: parts.meter.gauge('drover_feedhost_connections', 'clients connected now'),
  }
  const clients = new Set<Client>()
  const listener = await parts.transport.listen(address, (connection) => {
    if (clients.size >= CONNECTIONS_MAX) {
      parts.logger.warn('a client was refused: there are too many', {
        peer: connection.peer,
        max: CONNECTIONS_MAX,
      })
      connection.close()
      return
    }
    const client = new Client(connection, parts, (records, bytes) => {
      metrics.appended.add(records)
      metrics.bytes.add(bytes)
    })
    clients.add(client)
    metrics.connections.set(clients.size)
    connection.onLost(() => {
      client.end()
      clients.delete(client)
      metrics.connections.set(clients.size)
    })
    connection.onMessage((bytes) => client.take(bytes))
  })
  const stopPushing = parts.log.onAppend(() => {
    for (const client of clients) client.push()
  })
  return {
    address: listener.address,
    async close() {
      stopPushing()
      await listener.close()
    },
  }
}

interface Tail {
  next: number
  /** Sent and not acknowledged. */
  onTheWay: number
  pushing: boolean
}

class Client {
  readonly #connection: Connection
  readonly #parts: FeedHostParts
  readonly #tails = new Map<number, Tail>()
  readonly #appended: (records: number, bytes: number) => void
  #ended = false

  constructor(
    connection: Connection,
    parts: FeedHostParts,
    appended: (records: number, bytes: number) => void,
  ) {
    this.#connection = connection
    this.#parts = parts
    this.#appended = appended
  }

  take(bytes: Uint8Array): void {
    let message: ToHost
    try {
      message = decodeToHost(bytes)
    } catch (thrown) {
      this.#parts.logger.warn('a client sent what is no message and was cut off', {
        peer: this.#connection.peer,
        error: messageOf(thrown),
      })
      this.#connection.close()
      return
    }
    void this.#answer(message)
  }

  end(): void {
    this.#ended = true
    this.#tails.clear()
  }

  /** Feeds every tail that has room. */
  push(): void {
    for (const [id, tail] of this.#tails) void this.#feed(id, tail)
  }

  async #answer(message: ToHost): Promise<void> {
    const { id } = message
    try {
      switch (message.kind) {
        case 'hello':
          return this.#send({
            kind: 'welcome',
            id,
            version: FEED_HOST_VERSION,
            identity: this.#parts.log.identity(),
          })
        case 'append': {
          const positions = await this.#parts.log.append(message.records)
          this.#appended(
            positions.length,
            message.records.reduce((sum, { length }) => sum + length, 0),
          )
          return this.#send({ kind: 'appended', id, positions })
        }
        case 'read': {
          const maxBytes = Math.min(message.maxBytes, READ_BYTES_MAX)
          return this.#send({
            kind: 'records',
            id,
            records: await this.#parts.log.read(message.from, { maxBytes }),
          })
        }
        case 'bounds':
          return this.#send({ kind: 'bounds', id, ...this.#parts.log.bounds() })
        case 'trim': {
          const bounds = await this.#parts.log.trim(message.before)
          this.#parts.logger.info('the feed was trimmed', { peer: this.#connection.peer, ...bounds })
          return this.#send({ kind: 'bounds', id, ...bounds })
        }
        case 'segments':
          return this.#send({ kind: 'segments', id, segments: this.#parts.log.segments() })
        case 'tail':
          return this.#startTail(id, message.from)
        case 'acknowledge':
          return this.#acknowledge(id, message.bytes)
        case 'stopTail':
          this.#tails.delete(id)
          return
      }
    } catch (thrown) {
      this.#send({ kind: 'failed', id, code: faultCode(thrown) ?? 'feed/failed', message: messageOf(thrown) })
    }
  }

  #startTail(id: number, from: number): void {
    if (this.#tails.size >= TAILS_PER_CONNECTION_MAX) {
      this.#send({
        kind: 'failed',
        id,
        code: 'feed/overloaded',
        message: `a connection has at most ${TAILS_PER_CONNECTION_MAX} tails`,
      })
      return
    }
    const tail = { next: from, onTheWay: 0, pushing: false }
    this.#tails.set(id, tail)
    void this.#feed(id, tail)
  }

  #acknowledge(id: number, bytes: number): void {
    const tail = this.#tails.get(id)
    if (tail === undefined) return
    tail.onTheWay = Math.max(0, tail.onTheWay - bytes)
    void this.#feed(id, tail)
  }

  /** One feeder a tail at a time: it reads on until the log's end or the window's. */
  async #feed(id: number, tail: Tail): Promise<void> {
    if (tail.pushing) return
    tail.pushing = true
    try {
      while (!this.#ended && this.#tails.get(id) === tail && tail.onTheWay < TAIL_WINDOW_BYTES) {
        const records = await this.#parts.log.read(tail.next, { maxBytes: PUSH_BYTES_MAX })
        if (records.length === 0 || this.#tails.get(id) !== tail) return
        assert(records[0]?.position === tail.next, 'a tail has no gaps')
        tail.next += records.length
        tail.onTheWay += records.reduce((sum, { bytes }) => sum + bytes.length, 0)
        this.#send({ kind: 'records', id, records })
      }
    } catch (thrown) {
      this.#tails.delete(id)
      this.#send({ kind: 'failed', id, code: faultCode(thrown) ?? 'feed/failed', message: messageOf(thrown) })
    } finally {
      tail.pushing = false
    }
  }

  #send(message: FromHost): void {
    if (!this.#ended) this.#connection.send(encodeFromHost(message))
  }
}
