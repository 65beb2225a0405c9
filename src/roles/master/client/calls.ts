/**
 * JSON-RPC calls in flight to one execution client: numbered, bounded, each with a deadline. Answers may come in any order; what
 * answers nothing that was asked is ignored (an answer after its deadline).
 */
import { Fault } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import { CALLS_IN_FLIGHT_MAX, CALLS_WAITING_MAX } from './client-limits.ts'

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}
export type RpcOutcome = { readonly result: unknown } | { readonly error: RpcError }

export interface Calls {
  /** @throws Fault master/client-timeout, master/client-busy, or what `send` or `loseAll` gave */
  ask(method: string, params: readonly unknown[]): Promise<RpcOutcome>
  /** One response as it came; `id` where the transport knows which call it answers. */
  receive(text: string, id?: number): void
  /** Fails every call in flight. */
  loseAll(fault: Fault): void
}

interface Pending {
  settle(outcome: RpcOutcome): void
  fail(fault: unknown): void
}

export function createCalls(
  timeoutMs: number,
  clock: Clock,
  send: (text: string, id: number) => Promise<void>,
): Calls {
  const pending = new Map<number, Pending>()
  const waiting: (() => void)[] = []
  let lastId = 0
  let inFlight = 0

  const turn = async (): Promise<void> => {
    if (inFlight < CALLS_IN_FLIGHT_MAX) {
      inFlight++
      return
    }
    if (waiting.length >= CALLS_WAITING_MAX)
      throw new Fault(
        'master/client-busy',
        `${CALLS_WAITING_MAX} calls already wait for the execution client`,
      )
    await new Promise<void>((start) => waiting.push(start))
  }
  /** A call that ends gives its place to the first that waits. */
  const done = (): void => {
    const next = waiting.shift()
    if (next === undefined) inFlight--
    else next()
  }

  return {
    async ask(method, params) {
      await turn()
      const id = ++lastId
      const { promise, resolve, reject } = Promise.withResolvers<RpcOutcome>()
      pending.set(id, { settle: resolve, fail: reject })
      const late = (): void =>
        reject(
          new Fault(
            'master/client-timeout',
            `the execution client did not answer ${method} within ${timeoutMs} ms`,
            {
              method,
            },
          ),
        )
      const timer = clock.after(timeoutMs, late)
      send(JSON.stringify({ jsonrpc: '2.0', id, method, params }), id).catch(reject)
      try {
        return await promise
      } finally {
        timer.cancel()
        pending.delete(id)
        done()
      }
    },
    receive(text, id) {
      const response = parse(text)
      const asked = pending.get(id ?? response?.id ?? 0)
      if (asked === undefined) return
      if (response === undefined)
        asked.fail(
          new Fault('master/client-garbled', `the execution client sent no JSON-RPC: ${text.slice(0, 200)}`),
        )
      else
        asked.settle(response.error === undefined ? { result: response.result } : { error: response.error })
    },
    loseAll(fault) {
      for (const call of pending.values()) call.fail(fault)
    },
  }
}

function parse(text: string): { id?: number; result?: unknown; error?: RpcError } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined // not JSON: the caller says so where it belongs to a call
  }
}
