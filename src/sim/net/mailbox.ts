/** Two ends of a message port between threads of one simulated process: in order, each message in a turn of its own, a little later. */
import type { Mailbox } from '#ports/mailbox.ts'
import type { Life } from '#sim/world/life.ts'

const HOP_MS_MAX = 0.2

export function mailboxPair<A, B>(life: Life): [Mailbox<A, B>, Mailbox<B, A>] {
  const first = createBox<B>(life)
  const second = createBox<A>(life)
  return [
    { post: second.put, onMessage: first.onMessage },
    { post: first.put, onMessage: second.onMessage },
  ]
}

function createBox<T>(life: Life) {
  const random = life.random.child('mailbox')
  const waiting: T[] = []
  let take: ((message: T) => void) | undefined
  let lastDelayed = 0
  return {
    put(message: T): void {
      const delay = random.unit() * HOP_MS_MAX
      lastDelayed++
      waiting.push(message)
      // Whichever hop is over first delivers the oldest: order holds, whatever the delays.
      life.after(delay, () => {
        lastDelayed--
        deliver()
      })
    },
    onMessage(handler: (message: T) => void): void {
      take = handler
      while (waiting.length > lastDelayed) deliver()
    },
  }
  function deliver(): void {
    if (take === undefined) return
    const message = waiting.shift()
    if (message !== undefined) take(message)
  }
}
