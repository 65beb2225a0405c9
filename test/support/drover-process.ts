/** A drover process as a test sees it: started, ready, killed, started again, its log kept for when something fails. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
const READY_MS = 60_000
const STOP_MS = 10_000
/** What a process that ends by itself, or by a signal, may take: beyond it a test fails, and does not wait for ever. Some are told to wait a minute. */
const END_MS = 120_000
const LOG_BYTES_MAX = 200_000

export class DroverProcess {
  readonly args: readonly string[]
  #child: ChildProcess | undefined
  #log = ''
  #procs: string | undefined

  constructor(...args: readonly string[]) {
    this.args = args
  }

  /** Starts in a control group, whose list of processes is this file. */
  inGroup(procs: string): this {
    this.#procs = procs
    return this
  }

  get log(): string {
    return this.#log
  }
  get pid(): number | undefined {
    return this.#child?.pid
  }
  /** The signal or code that it ended with. */
  get ending(): string {
    return String(this.#child?.signalCode ?? this.#child?.exitCode)
  }
  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves with what the process says when it is ready; rejects with its log when it ends before. */
  async start(): Promise<Record<string, unknown>> {
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>()
    const words = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...this.args]
    // From its first page on: what was taken before would count elsewhere, and Node reads the limit when it starts.
    const enter = ['/bin/sh', '-c', 'echo $$ > "$0"; exec "$@"', this.#procs ?? '']
    const [command, ...args] = this.#procs === undefined ? words : [...enter, ...words]
    const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.#child = child
    const keep = (bytes: Buffer): void => {
      this.#log = (this.#log + bytes.toString()).slice(-LOG_BYTES_MAX)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('message', (message) => {
      if ((message as { kind?: string }).kind === 'ready') resolve(message as Record<string, unknown>)
    })
    child.on('exit', (code, signal) =>
      reject(new Error(`drover ${this.args[0]} ended (${signal ?? code}):\n${this.#log}`)),
    )
    const timer = setTimeout(
      () => reject(new Error(`drover ${this.args[0]} was not ready in time:\n${this.#log}`)),
      READY_MS,
    )
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Its exit code. @throws when it has not ended after two minutes; it is killed then */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (child === undefined || !this.isRunning) return child?.exitCode ?? null
    const ended = endOf(child, this.args)
    child.kill(signal)
    return ended
  }

  /** One that it outlives: SIGSTOP, SIGCONT. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal)
  }

  /** Its exit code, once it has ended by itself. @throws when it has not after two minutes; it is killed then */
  async ended(): Promise<number | null> {
    const child = this.#child
    if (child === undefined || !this.isRunning) return child?.exitCode ?? null
    return endOf(child, this.args)
  }

  /** In order; SIGKILL where it takes too long. */
  async stop(): Promise<void> {
    const force = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MS)
    await this.kill('SIGTERM')
    clearTimeout(force)
  }

  /** Runs a command that ends by itself. @throws when it has not after two minutes; it is killed then */
  static async run(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()))
    const closed = new Promise((resolve) => child.once('close', resolve))
    const code = await endOf(child, args)
    await closed
    return { code, output }
  }
}

function endOf(child: ChildProcess, args: readonly string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`drover ${args.join(' ')} has not ended after ${END_MS / 1_000} s`))
    }, END_MS)
    child.once('exit', (code) => {
      clearTimeout(timer)
      resolve(code)
    })
  })
}
