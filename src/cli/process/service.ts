/**
 * How a long-running command lives: it starts in a scope, says when it is ready, and stops in order on ctrl-C, SIGTERM, SIGHUP, or when the
 * channel to its supervisor closes. A second signal ends it at once.
 */
import { Fault, messageOf } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'
import { collectGarbage } from '#platform/memory/memory.ts'
import { openScope, type Scope } from '#ports/scope.ts'
import { dieOf } from './end.ts'

/** What a service gets to stop in order before the process exits anyway. */
const STOP_MS = 8_000

/** Runs until told to stop. @throws what made the service fail */
export async function runService(
  name: string,
  log: Logger,
  start: (scope: Scope) => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  const scope = openScope(name)
  const stop = Promise.withResolvers<string>()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (scope.signal.aborted) dieOf(signal)
    stop.resolve(signal)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.on('SIGHUP', onSignal) // the terminal was closed
  if (process.send !== undefined) {
    process.on('disconnect', () => stop.resolve('supervisor gone'))
    if (!process.connected) stop.resolve('supervisor gone') // while this process was loading
  }

  try {
    // A start that waits for others can be stopped too.
    const early = stop.promise.then(() => undefined)
    const facts = await Promise.race([start(scope), scope.failed.then(() => undefined), early])
    collectGarbage() // what loading the program has left
    // A supervisor that has gone meanwhile is seen by `disconnect`, not here.
    if (facts !== undefined) process.send?.({ kind: 'ready', ...facts }, undefined, undefined, () => {})
    const reason = await Promise.race([stop.promise, scope.failed.then(() => 'closed')])
    log.info('stopping', { reason })
  } catch (thrown) {
    log.error('failed', {
      error: messageOf(thrown),
      ...(thrown instanceof Fault ? { code: thrown.code } : {}),
    })
    throw thrown
  } finally {
    setTimeout(() => {
      log.error('did not stop in time; ending anyway')
      dieOf('SIGKILL')
    }, STOP_MS).unref()
    await scope.close()
  }
}
