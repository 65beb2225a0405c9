/** One unmodified geth that never peers: it knows a block only when the test gives it one through the Engine API. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export type Json = Record<string, unknown>

/** More than any test stops a node for: one that never answers is a fault, and its followers go on. */
const ANSWER_MS = 60_000

export interface NodeSettings {
  readonly geth: string
  readonly dir: string
  readonly genesisFile: string
  readonly jwtSecret: string
  readonly jwtFile: string
  readonly gasLimit: number
  /** Default: 1337. */
  readonly networkId?: bigint
  /** Of the state's trie; default: hash, as an archive. */
  readonly scheme?: 'hash' | 'path'
  readonly args: readonly string[]
}

const API = 'eth,net,web3,debug,txpool,admin,testing'
const START_MS = 30_000

export class GethNode {
  readonly settings: NodeSettings
  readonly ports = { http: 0, ws: 0, auth: 0 }
  #process: ChildProcess | undefined
  #id = 0

  constructor(settings: NodeSettings) {
    this.settings = settings
    process.once('exit', () => this.#process?.kill('SIGKILL')) // a test that dies leaves no geth behind
  }

  get http(): string {
    return `http://127.0.0.1:${this.ports.http}`
  }
  get webSocket(): string {
    return `ws://127.0.0.1:${this.ports.ws}`
  }
  get pid(): number | undefined {
    return this.#process?.pid
  }

  async init(): Promise<void> {
    mkdirSync(this.settings.dir, { recursive: true })
    await this.#run('init', '--cache.preimages', this.settings.genesisFile)
  }

  /** Blocks of a file (RLP, one after another), before the node is started. */
  async importChain(file: string): Promise<void> {
    await this.#run('import', '--gcmode', 'archive', file)
  }

  async #run(command: string, ...rest: readonly string[]): Promise<void> {
    const { geth, dir, scheme = 'hash' } = this.settings
    const log = openSync(join(dir, 'geth.log'), 'a')
    const args = [command, '--state.scheme', scheme, '--datadir', dir, ...rest]
    const child = spawn(geth, args, { stdio: ['ignore', log, log] })
    const code = await new Promise((resolve) => child.once('exit', resolve))
    closeSync(log)
    if (code !== 0) throw new Error(`geth ${command} failed: ${this.logTail()}`)
  }

  /** Ports are kept over restarts. */
  async start(): Promise<void> {
    for (const name of ['http', 'ws', 'auth'] as const) this.ports[name] ||= await freePort()
    const { settings, ports } = this
    const log = openSync(join(settings.dir, 'geth.log'), 'a')
    const args = [
      ...[
        '--datadir',
        settings.dir,
        '--networkid',
        String(settings.networkId ?? 1_337),
        '--syncmode',
        'full',
        '--gcmode',
        'archive',
        '--cache.preimages',
      ],
      ...[
        '--state.scheme',
        settings.scheme ?? 'hash',
        '--port',
        '0',
        '--nodiscover',
        '--maxpeers',
        '0',
        '--ipcdisable',
      ],
      ...['--http', '--http.port', String(ports.http), '--http.api', API],
      ...['--ws', '--ws.port', String(ports.ws), '--ws.api', API],
      ...['--authrpc.port', String(ports.auth), '--authrpc.jwtsecret', settings.jwtFile],
      ...['--miner.gaslimit', String(settings.gasLimit), '--cache', '256', ...settings.args],
    ]
    const child = spawn(settings.geth, args, { stdio: ['ignore', log, log] })
    closeSync(log)
    this.#process = child
    for (const end = Date.now() + START_MS; ; ) {
      if (child.exitCode !== null || Date.now() > end)
        throw new Error(`geth did not start: ${this.logTail()}`)
      if (await this.rpc('eth_chainId').catch(() => undefined)) return
      await sleep(50)
    }
  }

  get isRunning(): boolean {
    const child = this.#process
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** Everything that it has in memory waits, and so does whoever asks it. */
  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** SIGINT is a clean stop. After SIGKILL a young geth has lost its recent state: reset it and replay. */
  async stop(signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async reset(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.settings.dir, { recursive: true, force: true })
    await this.init()
    await this.start()
  }

  logTail(lines = 15): string {
    return readFileSync(join(this.settings.dir, 'geth.log'), 'utf8').split('\n').slice(-lines).join('\n')
  }

  rpc(method: string, ...params: unknown[]): Promise<unknown> {
    return this.#post(this.http, method, params, {})
  }

  /** The authenticated port (JWT, HS256). */
  engine(method: string, ...params: unknown[]): Promise<unknown> {
    const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const head = `${text({ alg: 'HS256', typ: 'JWT' })}.${text({ iat: Math.floor(Date.now() / 1_000) })}`
    const key = Buffer.from(this.settings.jwtSecret, 'hex')
    const signature = createHmac('sha256', key).update(head).digest('base64url')
    const url = `http://127.0.0.1:${this.ports.auth}`
    return this.#post(url, method, params, { authorization: `Bearer ${head}.${signature}` })
  }

  async #post(
    url: string,
    method: string,
    params: unknown[],
    headers: Record<string, string>,
  ): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++this.#id, method, params })
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const answer = (await response.json()) as { result?: unknown; error?: { message: string } }
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result
  }
}

/** Below the range from which systems give ports to connections: one that waits for its process, killed and started again, is not taken by those. */
const PORTS = { from: 10_000, to: 32_000 }

export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    if (await promise) return port
  }
}
