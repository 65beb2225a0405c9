/** More than can be served: many clients, each with an address of its own, that ask for large answers as fast as they are refused or answered. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FloodCounts {
  offered: number
  answered: number
  /** 503 with -32005. */
  refused: number
  /** The connection was refused or ended. */
  lost: number
  readonly wrong: string[]
}

export interface Flood {
  readonly counts: FloodCounts
  stop(): Promise<void>
}

/** Who is refused tries again after so long. */
const AGAIN_MS = 5
const HEAD_END = '\r\n\r\n'
const REFUSAL_CHARACTERS_MAX = 500

/** @param body of each request */
export function startFlood(options: {
  readonly port: number
  readonly body: string
  readonly clients: number
  readonly connectionsEach: number
}): Flood {
  const counts: FloodCounts = { offered: 0, answered: 0, refused: 0, lost: 0, wrong: [] }
  const state = { running: true }
  const { body } = options
  const bytes = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const tasks = Array.from({ length: options.clients * options.connectionsEach }, (_, i) =>
    askOn(options.port, `127.0.1.${1 + (i % options.clients)}`, bytes, counts, state),
  )
  return {
    counts,
    async stop() {
      state.running = false
      await Promise.all(tasks)
    },
  }
}

async function askOn(
  port: number,
  localAddress: string,
  bytes: string,
  counts: FloodCounts,
  state: { running: boolean },
): Promise<void> {
  while (state.running) {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    const ended = Promise.withResolvers<void>()
    socket.on('error', () => {})
    socket.on('close', () => ended.resolve())
    socket.on('connect', () => ask())
    let head = ''
    let bodyLeft = -1
    const ask = (): void => {
      head = ''
      bodyLeft = -1
      counts.offered++
      socket.write(bytes)
    }
    const done = (): void => {
      const status = head.slice(9, 12)
      if (status === '200') counts.answered++
      else if (status === '503' && head.includes('"code":-32005')) counts.refused++
      else counts.wrong.push(head.slice(0, REFUSAL_CHARACTERS_MAX))
      if (!state.running) socket.destroy()
      else setTimeout(() => (state.running ? ask() : socket.destroy()), status === '200' ? 0 : AGAIN_MS)
    }
    socket.on('data', (part: Buffer) => {
      if (bodyLeft < 0) {
        head += part.toString('latin1')
        const end = head.indexOf(HEAD_END)
        if (end < 0) return
        const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
        bodyLeft = length - (head.length - end - HEAD_END.length)
        head = head.slice(0, end + REFUSAL_CHARACTERS_MAX)
      } else bodyLeft -= part.length
      if (bodyLeft <= 0) done()
    })
    const watch = setInterval(() => {
      if (!state.running) socket.destroy()
    }, 100)
    await ended.promise
    clearInterval(watch)
    if (!state.running) return
    counts.lost++
    await sleep(AGAIN_MS)
  }
}
