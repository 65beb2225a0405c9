/** Judges a replica by geth itself: whole states, blocks, receipts and logs, at the head and at each block within the horizon. */
import assert from 'node:assert/strict'
import { result, resultsOf } from '#test/support/json-rpc.ts'
import type { GethNode } from './node.ts'

type Dump = Map<string, { balance: bigint; nonce: bigint; code: string; storage: Map<string, string> }>

const PAGE = 256

/** geth's full state at a block (needs preimages). */
async function dumpState(node: GethNode, number: number): Promise<Dump> {
  type Account = { balance: string; nonce?: number; code?: string; storage?: Record<string, string> }
  type Page = { accounts: Record<string, Account>; next?: string }
  const accounts: Record<string, Account> = {}
  // debug_dumpBlock stops silently at 256 accounts; the range says where it goes on.
  for (let next: string | undefined = `0x${'00'.repeat(32)}`; next !== undefined; ) {
    const at = `0x${number.toString(16)}`
    const page = (await node.rpc('debug_accountRange', at, next, PAGE, false, false, false)) as Page
    Object.assign(accounts, page.accounts)
    next = page.next
  }
  const dump: Dump = new Map()
  for (const [address, account] of Object.entries(accounts)) {
    assert.match(address, /^0x[0-9a-fA-F]{40}$/, 'geth knows the preimage of each address')
    const slots = Object.entries(account.storage ?? {}).map(
      ([slot, value]) => [slot, `0x${value.replace(/^0x/, '').padStart(64, '0')}`] as const,
    )
    dump.set(address.toLowerCase(), {
      balance: BigInt(account.balance),
      nonce: BigInt(account.nonce ?? 0),
      code: account.code ?? '0x',
      storage: new Map(slots),
    })
  }
  return dump
}

/** Every account and slot that exists at any of the blocks, read at each of them. Returns how many values were compared. */
export async function compareStates(node: GethNode, url: string, from: number, to: number): Promise<number> {
  const dumps = new Map<number, Dump>()
  for (let number = from; number <= to; number++) dumps.set(number, await dumpState(node, number))
  const keys = new Map<string, Set<string>>()
  for (const dump of dumps.values()) {
    for (const [address, account] of dump) {
      const slots = keys.get(address) ?? new Set()
      for (const slot of account.storage.keys()) slots.add(slot)
      keys.set(address, slots)
    }
  }
  let compared = 0
  for (const [number, dump] of dumps) compared += await compareState(url, number, dump, keys)
  return compared
}

async function compareState(
  url: string,
  number: number,
  dump: Dump,
  keys: Map<string, Set<string>>,
): Promise<number> {
  const at = `0x${number.toString(16)}`
  const calls: [string, unknown[]][] = []
  const expected: unknown[] = []
  for (const [address, slots] of keys) {
    const account = dump.get(address)
    calls.push(
      ['eth_getBalance', [address, at]],
      ['eth_getTransactionCount', [address, at]],
      ['eth_getCode', [address, at]],
    )
    expected.push(quantity(account?.balance ?? 0n), quantity(account?.nonce ?? 0n), account?.code ?? '0x')
    for (const slot of slots) {
      calls.push(['eth_getStorageAt', [address, slot, at]])
      expected.push(account?.storage.get(slot) ?? `0x${'00'.repeat(32)}`)
    }
  }
  const got = await resultsOf(url, calls)
  for (const [i, value] of got.entries()) {
    if (value !== expected[i])
      assert.fail(`block ${number}: ${JSON.stringify(calls[i])} is ${value}, geth has ${expected[i]}`)
  }
  return got.length
}

/** Blocks (with hashes and with full transactions), receipts and logs, by number and by hash, equal as JSON. */
export async function compareChains(node: GethNode, url: string, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number++) {
    const at = `0x${number.toString(16)}`
    const { hash } = (await node.rpc('eth_getBlockByNumber', at, false)) as { hash: string }
    const calls: [string, unknown[]][] = [
      ['eth_getBlockByNumber', [at, true]],
      ['eth_getBlockByNumber', [at, false]],
      ['eth_getBlockByHash', [hash, true]],
      ['eth_getBlockReceipts', [at]],
      ['eth_getBlockReceipts', [hash]],
      ['eth_getLogs', [{ blockHash: hash }]],
      ['eth_getLogs', [{ fromBlock: at, toBlock: at }]],
    ]
    for (const [method, params] of calls) {
      assert.deepEqual(
        await result(url, method, params),
        await node.rpc(method, ...params),
        `${method} ${JSON.stringify(params)}`,
      )
    }
  }
}

function quantity(value: bigint): string {
  return `0x${value.toString(16)}`
}
