/**
 * Keeps the transactions that this gateway took until a block has them, and gives them to every master again as the head moves: a client
 * that restarted, or dropped them from a full pool, gets another chance. Bounded in number, bytes and age; the oldest go first.
 */
import { fromUtf8, joinParts, utf8 } from '#kernel/bytes.ts'
import type { Clock } from '#ports/clock.ts'
import type { Forward } from './forward.ts'
import type { GatewayMetrics } from '#roles/gateway/metrics.ts'
import type { Router } from '#roles/gateway/route/router.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'

const TRANSACTIONS_MAX = gatewayLimits.keptTransactionsMax.value
const BYTES_MAX = gatewayLimits.keptTransactionsBytesMax.value
const AGE_MS_MAX = gatewayLimits.keptTransactionTimeMaxMs.value
/** Not with every block of a fast chain. */
const EVERY_MS = 1_000
/** Transactions looked up and sent again at once; the others have their turn at the next move. */
const ROUND_MAX = 64
const ROUND_MS = 10_000

interface Kept {
  readonly params: readonly [string]
  readonly sinceMs: number
}

export interface Rebroadcast {
  /** A master accepted this transaction. */
  keep(hash: string, raw: string): void
  headMoved(): void
  count(): number
}

export function createRebroadcast(
  parts: {
    readonly forward: Forward
    readonly router: Router
    readonly clock: Clock
    readonly metrics: GatewayMetrics
  },
  spawn: (task: (signal: AbortSignal) => Promise<void>) => void,
): Rebroadcast {
  const { clock } = parts
  const kept = new Map<string, Kept>()
  let bytes = 0
  let running = false
  let lastMs = clock.nowMs()

  const drop = (hash: string): void => {
    bytes -= kept.get(hash)?.params[0].length ?? 0
    kept.delete(hash)
  }

  const round = async (signal: AbortSignal): Promise<void> => {
    for (const [hash, { sinceMs }] of kept) if (clock.nowMs() - sinceMs > AGE_MS_MAX) drop(hash)
    const hashes = [...kept.keys()].slice(0, ROUND_MAX)
    const included = await lookUp(hashes, signal)
    if (included === undefined) return
    for (const [i, hash] of hashes.entries()) {
      const one = kept.get(hash)
      if (included[i] === true) drop(hash)
      else if (one !== undefined) {
        await again(hash, one)
        if (signal.aborted) return
      }
    }
  }

  /** A refusal is final (its nonce was used by another, its fee too low): the user who asks for it is told by the client. */
  const again = async (hash: string, one: Kept): Promise<void> => {
    const answer = await parts.forward.send(one.params, clock.nowMs() + ROUND_MS)
    parts.metrics.rebroadcast.add(1)
    if (answer?.kind === 'error') return drop(hash)
    if (kept.delete(hash)) kept.set(hash, one) // behind the others, which have their turn first
  }

  /** Whether each has a receipt at the served head; undefined where nobody can say. */
  const lookUp = async (hashes: readonly string[], signal: AbortSignal): Promise<boolean[] | undefined> => {
    const calls = hashes.map((hash, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'eth_getTransactionReceipt',
      params: [hash],
    }))
    const body = utf8(JSON.stringify(calls))
    const routed = await parts.router.ask(body, {
      minBlock: 0,
      untilMs: clock.nowMs() + ROUND_MS,
      asker: { signal },
    })
    if (routed.kind !== 'answer') return undefined
    return routed.answer.items.map((item) => {
      if (item.kind !== 'answered' && item.kind !== 'encoded') return false
      const text = item.kind === 'answered' ? item.json : fromUtf8(joinParts(item.parts))
      return (JSON.parse(text) as { result?: unknown }).result != null
    })
  }

  return {
    count: () => kept.size,
    keep(hash, raw) {
      drop(hash)
      kept.set(hash, { params: [raw], sinceMs: clock.nowMs() })
      bytes += raw.length
      for (const oldest of kept.keys()) {
        if (kept.size <= TRANSACTIONS_MAX && bytes <= BYTES_MAX) break
        drop(oldest)
      }
    },
    headMoved() {
      if (running || kept.size === 0 || clock.nowMs() - lastMs < EVERY_MS) return
      running = true
      lastMs = clock.nowMs()
      spawn((signal) =>
        round(signal).finally(() => {
          running = false
        }),
      )
    },
  }
}
