/** A replica as a gateway sees it: the real link port, over a feed position that the test sets and an answering function of its own. */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { fromUtf8 } from '#kernel/bytes.ts'
import type { Clock } from '#ports/clock.ts'
import { silent } from '#ports/logger.ts'
import type { Transport } from '#ports/net/transport.ts'
import type { Answer, HeadContext } from '#rpc/answer.ts'
import { type LinkPort, type LinkPortParts, openLinkPort } from '#roles/replica/link/port.ts'

export function block(number: number, branch = 0): BlockRef {
  return { number, hash: `0x${(number * 16 + branch).toString(16).padStart(64, '0')}` as BlockHash }
}

/** A head without reorganisations: number 100 + position. */
export function headAt(position: number, head = block(100 + position)): HeadContext {
  return { position, head, safe: block(90), finalized: block(80) }
}

export interface StubReplica {
  readonly port: LinkPort
  /** Calls that it was asked, in order, with the head of each. */
  readonly asked: { readonly body: string; readonly head: HeadContext }[]
  /** Applies the feed up to and including this head. */
  apply(head: HeadContext): void
  phase: 'ready' | 'catchingUp'
  answer: LinkPortParts['answer']
}

/** Answers each call with the number of the head that it was bound to, as its result. */
export function echoHead(body: Uint8Array, head: HeadContext): Answer {
  const parsed = JSON.parse(fromUtf8(body)) as { id: unknown } | { id: unknown }[]
  const calls = Array.isArray(parsed) ? parsed : [parsed]
  return {
    batch: Array.isArray(parsed),
    items: calls.map(({ id }) => ({
      kind: 'answered',
      json: JSON.stringify({ jsonrpc: '2.0', id, result: head.head.number }),
    })),
    block: head.head,
    verifiedNumber: head.head.number - 1,
  }
}

export async function startStubReplica(
  options: {
    readonly address: string
    readonly at: HeadContext
    readonly feedEnd?: number
    readonly chainId?: number
    readonly streams?: number
  },
  parts: { readonly transport: Transport; readonly clock: Clock },
): Promise<StubReplica> {
  let now = options.at
  const listeners = new Set<() => void>()
  const replica: Omit<StubReplica, 'port'> = {
    asked: [],
    phase: 'ready',
    answer: async (body, { head }) => echoHead(body, head),
    apply(head) {
      now = head
      for (const changed of listeners) changed()
    },
  }
  const port = await openLinkPort(
    {
      address: options.address,
      hello: {
        cluster: 'test',
        chainId: options.chainId ?? 1337,
        genesisHash: block(0).hash,
        generation: 1,
        replica: `replica at ${options.address}`,
        streams: options.streams ?? 1,
      },
    },
    {
      ...parts,
      log: silent,
      answer(lent, context) {
        const body = lent.slice() // a test may answer later
        replica.asked.push({ body: fromUtf8(body), head: context.head })
        return replica.answer(body, context)
      },
      status: () => ({
        phase: replica.phase,
        applied: now.position + 1,
        head: now,
        announcedNumber: now.head.number,
        verifiedNumber: now.head.number,
        historyFrom: 0,
        chainFrom: 0,
      }),
      onChange(changed) {
        listeners.add(changed)
        return () => listeners.delete(changed)
      },
      feedEnd: async () => options.feedEnd ?? now.position + 1,
    },
  )
  return Object.assign(replica, { port })
}
