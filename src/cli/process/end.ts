/**
 * How a process ends. Not with process.exit(): it joins V8's threads outside of V8, and one that compiles for this thread may wait there for
 * a collection of garbage that this thread will never make, so the process stays for ever (nodejs/node#54918).
 */

/** What is still open by then (a keep-alive socket, a timer) holds the process no longer than this; nothing is compiled any more. */
const LINGER_MS = 200

/** Ends this process, with `process.exitCode`, as soon as nothing is open. */
export function endSoon(): void {
  process.channel?.unref() // to a supervisor, whose end nobody waits for any more
  setTimeout(() => process.exit(), LINGER_MS).unref()
}

/** Dies of the signal at once, as if nobody had ever listened. */
export function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
