/** Signals that depend on others. */

/**
 * Aborted with the first of these, for its reason. Whoever asks for it aborts one of them in the end: until then each holds it, and it
 * holds them. Not AbortSignal.any, whose signals Node keeps alive with all that listens to them where none of theirs is ever aborted, as those
 * of killed processes in the simulation are.
 */
export function firstOf(...signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', abort)
    controller.abort(signals.find(({ aborted }) => aborted)?.reason)
  }
  for (const signal of signals) signal.addEventListener('abort', abort)
  if (signals.some(({ aborted }) => aborted)) abort()
  return controller.signal
}
