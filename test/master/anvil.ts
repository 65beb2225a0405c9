/** A real anvil for tests: no blocks but those asked for. A restart forgets the chain (anvil_dumpState and anvil_loadState keep it). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { freePort } from '#test/geth/node.ts'
import { result } from '#test/support/json-rpc.ts'
import { anvilPath } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'

const START_MS = 10_000

export class Anvil {
  readonly port: number
  readonly #args: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
    process.once('exit', () => this.#process?.kill('SIGKILL')) // a test that dies or fails leaves no anvil behind
  }

  static async start(genesisFile: string, ...args: readonly string[]): Promise<Anvil> {
    const genesis = JSON.parse(readFileSync(genesisFile, 'utf8')) as { config: { chainId: number } }
    const chainId = String(genesis.config.chainId)
    const anvil = new Anvil(await freePort(), [
      ...['--init', genesisFile, '--chain-id', chainId, '--hardfork', 'osaka', '--slots-in-an-epoch', '8'],
      ...(args.includes('--block-time') ? args : ['--no-mining', ...args]),
    ])
    await anvil.start()
    return anvil
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`
  }
  get webSocket(): string {
    return `ws://127.0.0.1:${this.port}`
  }
  get pid(): number | undefined {
    return this.#process?.pid
  }

  async start(): Promise<void> {
    const path = anvilPath()
    if (path === undefined) throw new Error('anvil is not here')
    this.#process = spawn(
      path,
      ['--port', String(this.port), '--silent', '--no-request-size-limit', ...this.#args],
      { stdio: 'ignore' },
    )
    this.#process.unref()
    await waitFor('anvil answers', START_MS, () => this.rpc('eth_chainId') as Promise<unknown>)
  }

  rpc<T = unknown>(method: string, ...params: unknown[]): Promise<T> {
    return result(this.http, method, params) as Promise<T>
  }

  async mine(blocks = 1): Promise<void> {
    for (let i = 0; i < blocks; i++) await this.rpc('evm_mine')
  }

  async headNumber(): Promise<number> {
    return Number(await this.rpc('eth_blockNumber'))
  }

  async block(place: number | 'latest'): Promise<{ number: number; hash: string }> {
    const tag = typeof place === 'number' ? `0x${place.toString(16)}` : place
    const { number, hash } = await this.rpc<{ number: string; hash: string }>(
      'eth_getBlockByNumber',
      tag,
      false,
    )
    return { number: Number(number), hash }
  }

  async stop(): Promise<void> {
    const running = this.#process
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'exit')
    running.ref()
    running.kill('SIGKILL')
    await exited
  }
}
