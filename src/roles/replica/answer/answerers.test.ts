import assert from 'node:assert/strict'
import test from 'node:test'
import type { Mailbox } from '#ports/mailbox.ts'
import { joinAnswerers } from './answerers.ts'
import type { AnswererAsks, ApplierNews } from '#roles/replica/board.ts'

/** The applier's end of one answer thread's mailbox, what came out at the other, and a way to ask from there. */
function thread() {
  const heard: ApplierNews[] = []
  let take: (ask: AnswererAsks) => void = () => {}
  const end: Mailbox<ApplierNews, AnswererAsks> = {
    post: (news) => void heard.push(news),
    onMessage: (handler) => void (take = handler),
  }
  return { end, heard, ask: (nonce: number) => take({ kind: 'askFeedEnd', nonce }) }
}

test('every answer thread hears of each move', () => {
  const { all, add } = joinAnswerers()
  const threads = [thread(), thread()]
  for (const { end } of threads) add(end)
  all.post({ kind: 'opened' })
  all.post({ kind: 'moved' })
  for (const { heard } of threads) assert.deepEqual(heard, [{ kind: 'opened' }, { kind: 'moved' }])
})

test('a thread that takes the place of another learns that the store is there, and not what the other was told', () => {
  const { all, add } = joinAnswerers()
  const [old, young] = [thread(), thread()]
  const remove = add(old.end)
  all.post({ kind: 'opened' })
  all.post({ kind: 'moved' })
  remove()
  add(young.end)
  all.post({ kind: 'moved' })
  assert.deepEqual(young.heard, [{ kind: 'opened' }, { kind: 'moved' }])
  assert.deepEqual(old.heard, [{ kind: 'opened' }, { kind: 'moved' }])
})

test("the feed's end is told to the thread that asked, by its own nonce: for another it may have been read too early", () => {
  const { all, add } = joinAnswerers()
  const [first, second] = [thread(), thread()]
  const asks: AnswererAsks[] = []
  all.onMessage((ask) => asks.push(ask))
  add(first.end)
  add(second.end)
  first.ask(1)
  second.ask(1)
  const [one, other] = asks.map(({ nonce }) => nonce)
  assert.notEqual(one, other)
  all.post({ kind: 'feedEnd', nonce: other as number, next: 20 })
  assert.deepEqual(first.heard, [])
  assert.deepEqual(second.heard, [{ kind: 'feedEnd', nonce: 1, next: 20 }])
  all.post({ kind: 'feedEnd', nonce: one as number, next: undefined })
  assert.deepEqual(first.heard, [{ kind: 'feedEnd', nonce: 1, next: undefined }])
})
