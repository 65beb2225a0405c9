/**
 * The answer threads of a replica as its applier sees them: one mailbox. What it says goes to all; an answer goes to whoever asked, because
 * each thread counts its questions by itself. A thread that comes later hears first what it has missed: whether the store is there.
 */
import type { Mailbox } from '#ports/mailbox.ts'
import type { AnswererAsks, ApplierNews } from '#roles/replica/board.ts'

export interface Answerers {
  readonly all: Mailbox<ApplierNews, AnswererAsks>
  /** Returns what takes it out again. */
  add(answerer: Mailbox<ApplierNews, AnswererAsks>): () => void
}

export function joinAnswerers(): Answerers {
  const boxes = new Set<Mailbox<ApplierNews, AnswererAsks>>()
  const asked = new Map<
    number,
    { readonly box: Mailbox<ApplierNews, AnswererAsks>; readonly nonce: number }
  >()
  let hear: (ask: AnswererAsks) => void = () => {}
  let opened = false
  let lastNonce = 0

  const answer = (news: ApplierNews & { kind: 'feedEnd' }): void => {
    const asker = asked.get(news.nonce)
    asked.delete(news.nonce)
    if (asker !== undefined && boxes.has(asker.box)) asker.box.post({ ...news, nonce: asker.nonce })
  }
  return {
    all: {
      post(news) {
        if (news.kind === 'feedEnd') return answer(news)
        if (news.kind === 'opened') opened = true
        for (const box of boxes) box.post(news)
      },
      onMessage(handler) {
        hear = handler
      },
    },
    add(box) {
      boxes.add(box)
      box.onMessage((ask) => {
        const nonce = ++lastNonce
        asked.set(nonce, { box, nonce: ask.nonce })
        hear({ ...ask, nonce })
      })
      if (opened) box.post({ kind: 'opened' })
      return () => boxes.delete(box)
    },
  }
}
