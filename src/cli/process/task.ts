/**
 * How a command lives that does one long thing and ends: ctrl-C, SIGTERM, SIGHUP or a supervisor that goes tell it to stop in order; a second
 * signal ends it at once. What it has done by then is kept, and the same command goes on there.
 */
import { openScope, type Scope } from '#ports/scope.ts'
import { dieOf } from './end.ts'

/** @throws what made the task, or anything in its scope, fail */
export async function runTask(
  name: string,
  task: (scope: Scope, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) dieOf(signal)
    stop.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  if (process.send !== undefined) process.on('disconnect', () => onSignal('SIGTERM'))
  const scope = openScope(name)
  const failed = new Promise<never>((_resolve, reject) => void scope.failed.catch(reject))
  try {
    await Promise.race([task(scope, stop.signal), failed])
  } finally {
    await scope.close()
  }
}
