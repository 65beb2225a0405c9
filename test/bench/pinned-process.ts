/** Node processes for benchmarks: each on a core of its own where the system can say so, their CPU time read from outside. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** /proc counts CPU time in hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

let canPin: boolean | undefined

/** Runs a script of ours with an IPC channel; `core` is kept to where `taskset` is there, and ignored elsewhere. */
export function spawnNode(script: string, args: readonly string[], core: number): ChildProcess {
  const words = ['--disable-warning=ExperimentalWarning', script, ...args]
  canPin ??= spawnSync('taskset', ['-c', String(core), 'true']).status === 0
  const [command, all] = canPin
    ? ['taskset', ['-c', String(core), process.execPath, ...words]]
    : [process.execPath, words]
  return spawn(command, all, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** User and system time that a process, with all its threads, has used up to now. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name in brackets, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const { promise, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  child.kill('SIGTERM')
  await promise
}

/** The next message of a child. @throws where it ends first */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const ended = (code: number | null, signal: string | null): void =>
    reject(new Error(`${child.spawnargs.join(' ')} ended (${signal ?? code})`))
  child.once('exit', ended)
  child.once('message', (message) => {
    child.off('exit', ended)
    resolve(message as T)
  })
  return promise
}
