/** Node processes for benchmarks: each on a core of its own where the system can say so, their CPU time read from outside. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** /proc counts CPU time in hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

let canPin: boolean | undefined

/** Runs a script of ours with an IPC channel; `core` is kept to where `taskset` is there, and ignored elsewhere. */
export function spawnNode(script: string, args: readonly string[], core: number): ChildProcess {
  const words = ['--disable-warning=ExperimentalWarning', script, ...args]
  const [command, all] = canTaskset(core)
    ? ['taskset', ['-c', String(core), process.execPath, ...words]]
    : [process.execPath, words]
  return spawn(command, all, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

function canTaskset(core: number): boolean {
  canPin ??= spawnSync('taskset', ['-c', String(core), 'true']).status === 0
  return canPin
}

/** User and system time that a process, with all its threads that live, has used up to now: of use where none ends meanwhile. */
export function cpuSeconds(pid: number): number {
  // The scheduler's own count where the kernel keeps one: finer than the hundredths of a second in `stat`.
  if (!existsSync(`/proc/${pid}/schedstat`)) return ticks(pid)
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return nanoseconds / 1e9
}

function ticks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name in brackets, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Keeps a process that runs already, with all its threads, on one core. */
export function pin(pid: number, core: number): void {
  if (canTaskset(core)) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)])
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
