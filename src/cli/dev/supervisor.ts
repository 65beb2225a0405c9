/**
 * Children of `drover dev`: each is a process of its own with an IPC channel, started again with growing pauses when it dies, and
 * ended by closing its channel. They lead their own process groups, so ctrl-C reaches only the supervisor, which ends them in order.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Fault } from '#kernel/fault.ts'
import type { Logger } from '#ports/logger.ts'

const PAUSE_MS_FIRST = 200
const PAUSE_MS_MAX = 5_000
/** A child that lived this long starts with the first pause again. */
const HEALTHY_MS = 10_000
/** What a child gets to stop by itself before SIGKILL. */
const STOP_MS = 8_000

export interface Child {
  readonly name: string
  pid(): number | undefined
  /** Resolves with what the child said when it was ready for the first time. */
  readonly ready: Promise<unknown>
  stop(): Promise<void>
}

export function superviseChild(
  name: string,
  argv: readonly string[],
  options: {
    readonly log: Logger
    /** Asked when it has ended unbidden. */
    readonly restart: () => boolean
    /** It has ended unbidden and is not started again; gives what its waiters are told. */
    readonly onExit: (reason: string) => Fault
  },
): Child {
  const ready = Promise.withResolvers<unknown>()
  let child: ChildProcess | undefined
  let stopping = false
  let pauseMs = PAUSE_MS_FIRST
  let timer: NodeJS.Timeout | undefined
  ready.promise.catch(() => {})

  const start = (): void => {
    const startedMs = performance.now()
    child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...argv], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    })
    child.on('message', (message) => {
      if ((message as { kind?: unknown }).kind === 'ready') ready.resolve(message)
    })
    child.on('exit', (code, signal) => {
      if (stopping) return
      const reason = signal ?? `exit code ${code}`
      if (!options.restart()) {
        ready.reject(options.onExit(reason))
        return
      }
      if (performance.now() - startedMs > HEALTHY_MS) pauseMs = PAUSE_MS_FIRST
      options.log.warn('a process ended and is started again', { process: name, reason, pauseMs })
      timer = setTimeout(start, pauseMs)
      pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)
    })
  }
  start()

  return {
    name,
    ready: ready.promise,
    pid: () => child?.pid,
    async stop() {
      stopping = true
      clearTimeout(timer)
      const running = child
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const { promise: gone, resolve } = Promise.withResolvers<void>()
      running.once('exit', () => resolve())
      if (running.connected) running.disconnect()
      else running.kill('SIGTERM')
      const force = setTimeout(() => {
        options.log.warn('a process did not stop in time and was killed', { process: name })
        running.kill('SIGKILL')
      }, STOP_MS)
      await gone
      clearTimeout(force)
    },
  }
}
