/** A little life for the dev chain: an ERC-20 is deployed and moved, ether is sent, and the gateway is asked what a wallet asks. */
import type { Logger } from '#ports/logger.ts'
import { DEV_ACCOUNTS } from './genesis.ts'
import { call, type JsonRpcUrl } from './json-rpc.ts'
import token from './token.json' with { type: 'json' }

/** Transactions of one round, of which there is one a block. */
const TRANSFERS_A_ROUND = 3
const READS_A_SECOND = 20

const SELECTORS = { mint: '0x40c10f19', transfer: '0xa9059cbb', balanceOf: '0x70a08231' } as const

export interface Traffic {
  /** The ERC-20's address. */
  readonly token: string
  stop(): Promise<void>
}

export async function startTraffic(
  client: JsonRpcUrl,
  gateway: JsonRpcUrl,
  options: { readonly blockTimeMs: number; readonly log: Logger },
): Promise<Traffic> {
  const [owner, ...holders] = DEV_ACCOUNTS
  const address = await deploy(client, owner)
  await send(client, {
    from: owner,
    to: address,
    data: SELECTORS.mint + word(owner) + word('0xffffffffffffffff'),
  })

  let round = 0
  const move = async (): Promise<void> => {
    round++
    for (let i = 0; i < TRANSFERS_A_ROUND; i++) {
      const to = holders[(round + i) % holders.length] as string
      const amount = `0x${(round * 7 + i).toString(16)}`
      const data = SELECTORS.transfer + word(to) + word(amount)
      await send(client, i === 0 ? { from: owner, to, value: amount } : { from: owner, to: address, data })
    }
  }
  const read = async (): Promise<void> => {
    const holder = holders[round % holders.length] as string
    const balanceOf = { to: address, data: SELECTORS.balanceOf + word(holder) }
    await call(gateway, 'eth_blockNumber', [])
    await call(gateway, 'eth_call', [balanceOf, 'latest'])
  }

  const running = new AbortController()
  const tasks = [
    repeat(move, options.blockTimeMs, running.signal, (error) =>
      options.log.debug('traffic was not sent', { error }),
    ),
    repeat(read, 2_000 / READS_A_SECOND, running.signal, (error) =>
      options.log.debug('a read failed', { error }),
    ),
  ]
  return {
    token: address,
    async stop() {
      running.abort()
      await Promise.all(tasks)
    },
  }
}

async function deploy(client: JsonRpcUrl, from: string): Promise<string> {
  const hash = await send(client, { from, data: token.bytecode })
  for (;;) {
    const receipt = (await call(client, 'eth_getTransactionReceipt', [hash])) as {
      contractAddress: string
    } | null
    if (receipt !== null) return receipt.contractAddress
    await pause(50)
  }
}

async function send(client: JsonRpcUrl, transaction: Record<string, string>): Promise<unknown> {
  return call(client, 'eth_sendTransaction', [{ gas: '0xf4240', ...transaction }])
}

/** 32 bytes without 0x. */
function word(hex: string): string {
  return hex.slice(2).padStart(64, '0')
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function repeat(
  act: () => Promise<void>,
  everyMs: number,
  signal: AbortSignal,
  failed: (error: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    const started = performance.now()
    await act().catch((thrown: unknown) => failed(String(thrown)))
    await pause(Math.max(5, everyMs - (performance.now() - started)))
  }
}
