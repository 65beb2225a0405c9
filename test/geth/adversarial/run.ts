/** Random mixtures of the vectors on a geth, block after block, each proven as it comes and some accounts' proofs compared with geth's own. */
import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPrng } from '#kernel/prng.ts'
import { toHex as hexOf } from '#kernel/bytes.ts'
import { fromHex } from '#kernel/bytes.ts'
import { Devnet, type Hex, toHex } from '#test/geth/devnet.ts'
import type { GethNode } from '#test/geth/node.ts'
import { mixture, together } from './mixture.ts'
import { Wallet } from '#test/geth/wallet.ts'
import { createProver, type Prover } from './prover.ts'
import { createVectors, type Part } from './vectors.ts'

export interface Outcome {
  readonly blocks: number
  readonly transactions: number
  readonly failedTransactions: number
  readonly requests: number
  readonly vectors: ReadonlyMap<string, number>
  readonly proofs: number
  readonly mgas: number
}

const PROVEN_PER_BLOCK = 3

/** @throws an assertion that names the block, its vectors and the seed */
export async function runAdversarial(options: {
  readonly blocks: number
  readonly seed: number
  readonly fork: 'osaka' | 'amsterdam'
  readonly onBlock?: (number: number) => void
  /** A folder that gets the chain as `chain.rlp` and its `genesis.json`. */
  readonly out?: string
}): Promise<Outcome> {
  const prng = createPrng(options.seed)
  Wallet.gasScale = options.fork === 'amsterdam' ? 5n : 1n
  let node: GethNode | undefined
  const rpc = (method: string, ...params: unknown[]): Promise<unknown> =>
    (node as GethNode).rpc(method, ...params)
  const vectors = createVectors(prng.child('vectors'), async (address) =>
    Number(await rpc('eth_getTransactionCount', address, 'latest')),
  )
  const net = await Devnet.start({ alloc: vectors.alloc, fork: options.fork })
  const counts = new Map<string, number>()
  const tally = { transactions: 0, failedTransactions: 0, requests: 0, proofs: 0 }
  try {
    ;[node] = net.nodes
    const prover = createProver(readFileSync(net.genesisFile, 'utf8'))
    if (options.out !== undefined) {
      mkdirSync(options.out, { recursive: true })
      copyFileSync(net.genesisFile, join(options.out, 'genesis.json'))
      writeFileSync(join(options.out, 'chain.rlp'), '')
    }
    const seen = new Set<Hex>()
    for (let number = 1; number <= options.blocks; number++) {
      const names = number === 1 ? [] : mixture(vectors.names, prng.child(`block ${number}`))
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
      const parts: Part[] = number === 1 ? [await vectors.setup()] : []
      // One after another: each signs with the next nonce.
      for (const name of names) parts.push(await vectors.make(name))
      const what = `seed ${options.seed}, block ${number}: ${names.join(' + ')}`
      try {
        const block = await net.produce(together(parts))
        tally.requests += block.requests.length
        const raw = (await rpc('debug_getRawBlock', block.hash)) as Hex
        const header = prover.prove(raw)
        if (options.out !== undefined) appendFileSync(join(options.out, 'chain.rlp'), fromHex(raw))
        assert.equal(header.hash, block.hash)
        const receipts = (await rpc('eth_getBlockReceipts', block.hash)) as {
          status: Hex
          from: Hex
          to: Hex | null
          contractAddress: Hex | null
        }[]
        tally.transactions += receipts.length
        tally.failedTransactions += receipts.filter(({ status }) => status === '0x0').length
        for (const { from, to, contractAddress } of receipts)
          seen
            .add(from)
            .add(to ?? from)
            .add(contractAddress ?? from)
        tally.proofs += await compareProofs(prover, rpc, [...seen], prng.child(`proofs ${number}`))
      } catch (cause) {
        throw new Error(what, { cause })
      }
      options.onBlock?.(number)
    }
    return { ...tally, blocks: options.blocks, vectors: counts, mgas: Number(prover.gasUsed()) / 1e6 }
  } finally {
    await net.stop()
  }
}

async function compareProofs(
  prover: Prover,
  rpc: (method: string, ...params: unknown[]) => Promise<unknown>,
  accounts: readonly Hex[],
  prng: ReturnType<typeof createPrng>,
): Promise<number> {
  for (let i = 0; i < PROVEN_PER_BLOCK; i++) {
    const address = prng.chance(0.2) ? hexOf(prng.bytes(20)) : prng.pick(accounts)
    const slots = [0, 1, prng.between(0, 9)].map((slot) => toHex(slot).slice(2).padStart(64, '0'))
    const theirs = (await rpc(
      'eth_getProof',
      address,
      slots.map((slot) => `0x${slot}`),
      'latest',
    )) as {
      accountProof: string[]
      storageProof: { proof: string[] }[]
    }
    prover.proofs((proofs) => {
      const who = fromHex(address)
      assert.deepEqual(
        proofs.account(who).map((node) => hexOf(node)),
        theirs.accountProof,
        `the proof of ${address}`,
      )
      slots.forEach((slot, at) =>
        assert.deepEqual(
          proofs.slot(who, fromHex(`0x${slot}`)).map((node) => hexOf(node)),
          theirs.storageProof[at]?.proof,
          `the proof of ${address} ${slot}`,
        ),
      )
    })
  }
  return PROVEN_PER_BLOCK
}
