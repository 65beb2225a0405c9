/**
 * A master is two halves: a *follower* (the client, the feed, beats, the forward port) and an *executor* (its store's only writer, the
 * EVM), so that a heavy block never stops its beats. Production puts each in a thread, with a message port between; here both are on
 * one queue, for tests and the simulation. Start reading at `follower.ts` and `executor.ts`; what they say to each other is `messages.ts`.
 */
import type { Mailbox } from '#ports/mailbox.ts'
import { createExecutor, type ExecutorCollaborators } from './execute/executor.ts'
import { createFollower, type Follower } from './follower.ts'
import { type ExecutorReply, type ExecutorRequest, openExecutorDoor } from './execute/messages.ts'
import type { FollowerCollaborators, FollowerOptions } from './client/session.ts'

/** Both halves in this thread. */
export function createMaster(
  options: FollowerOptions,
  parts: Omit<FollowerCollaborators, 'executor'> & ExecutorCollaborators,
): Follower {
  const [followerEnd, executorEnd] = mailboxPair<ExecutorRequest, ExecutorReply>()
  createExecutor(executorEnd, parts)
  return createFollower(options, { ...parts, executor: openExecutorDoor(followerEnd) })
}

/** Two ends of one queue: a message arrives in a turn of its own, in order, as it would from another thread. */
export function mailboxPair<A, B>(): [Mailbox<A, B>, Mailbox<B, A>] {
  let toFirst = (_message: B): void => {}
  let toSecond = (_message: A): void => {}
  return [
    {
      post: (message) => void Promise.resolve().then(() => toSecond(message)),
      onMessage: (handler) => {
        toFirst = handler
      },
    },
    {
      post: (message) => void Promise.resolve().then(() => toFirst(message)),
      onMessage: (handler) => {
        toSecond = handler
      },
    },
  ]
}
