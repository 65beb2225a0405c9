/** A chain on a devnet, each block a mixture of adversarial vectors and of what ordinary users do; with moving finality and reorganisations. */
import { createPrng, type Prng } from '#kernel/prng.ts'
import { mixture, together } from './adversarial/mixture.ts'
import { createVectors, type Part } from './adversarial/vectors.ts'
import { type Alloc, type BuiltBlock, type Devnet, type Hex, toHex } from './devnet.ts'
import { fund, Wallet } from './wallet.ts'

export interface MixedChain {
  readonly alloc: Alloc
  readonly chain: readonly BuiltBlock[]
  /** Adds a block on the head of the devnet. */
  block(net: Devnet): Promise<void>
  /** Replaces the last `depth` blocks by `depth + 1` others, with one change of head. */
  reorg(net: Devnet, depth: number): Promise<void>
}

const SAFE_BEHIND = 4
const FINALIZED_BEHIND = 9

export function createMixedChain(seed: number | string): MixedChain {
  const prng = createPrng(seed)
  let net: Devnet | undefined
  const rpc = async (method: string, ...params: unknown[]): Promise<unknown> => {
    const [node] = net?.nodes ?? []
    if (node === undefined) throw new Error('a devnet has a node')
    return node.rpc(method, ...params)
  }
  const vectors = createVectors(prng.child('vectors'), async (address) =>
    Number(await rpc('eth_getTransactionCount', address, 'latest')),
  )
  const users = createUsers(prng.child('users'))
  const chain: BuiltBlock[] = []
  const before: (() => void)[] = []
  let genesis: Hex | undefined
  let made = 0

  const parts = async (first: boolean): Promise<Part[]> => {
    if (first) return [await vectors.setup(), await users.setup()]
    const drawn: Part[] = []
    for (const name of mixture(vectors.names, prng.child(`block ${++made}`)))
      drawn.push(await vectors.make(name))
    return [...drawn, await users.traffic()]
  }
  const add = async (): Promise<void> => {
    genesis ??= ((await rpc('eth_getBlockByNumber', '0x0', false)) as { hash: Hex }).hash
    const undo = [vectors.mark(), users.mark()]
    before.push(() => undo.forEach((each) => each()))
    const parent = chain.at(-1)?.hash ?? genesis
    if (net === undefined) throw new Error('a block is made on a devnet')
    const block = together(await parts(chain.length === 0))
    const marks = { safe: chain.at(-SAFE_BEHIND)?.hash, finalized: chain.at(-FINALIZED_BEHIND)?.hash }
    chain.push(await net.produce({ ...block, ...marks, parent }))
  }
  return {
    alloc: { ...vectors.alloc, ...users.alloc },
    chain,
    async block(on) {
      net = on
      await add()
    },
    async reorg(on, depth) {
      net = on
      chain.splice(-depth)
      before.splice(-depth)[0]?.()
      for (let i = 0; i <= depth; i++) await add()
    },
  }
}

/** A token, and who sends it around; transactions of each type, some that fail. */
function createUsers(prng: Prng) {
  const user = new Wallet('user')
  const sink: Hex = '0x00000000000000000000000000000000000051c4'
  let token: Hex = sink
  const makers: readonly (() => Promise<Hex>)[] = [
    () => user.sign({ to: sink, value: BigInt(prng.between(0, 9)) }),
    () => user.sign({ type: 'legacy', to: sink, value: 7n }),
    () =>
      user.sign({
        type: 'eip2930',
        to: sink,
        gas: 60_000n,
        accessList: [{ address: token, storageKeys: [word(2)] }],
      }),
    () => user.call('Token', token, 'transfer', [address(prng.between(0, 20)), BigInt(prng.between(0, 9))]),
    () => user.call('Token', token, 'approve', [address(prng.between(0, 20)), BigInt(prng.between(0, 1))]),
    () => user.call('Token', token, 'transfer', [sink, 10n ** 30n]),
    () => user.call('Token', token, 'transfer', [sink, 1n], { gas: 25_000n }),
    () => user.sign({ data: '0xfe', gas: 100_000n }),
  ]
  return {
    alloc: fund(user),
    async setup(): Promise<Part> {
      const { raw, address: at } = await user.deploy('Token')
      token = at
      return { txs: [raw, await user.call('Token', at, 'mint', [user.address, 10n ** 24n])] }
    },
    async traffic(): Promise<Part> {
      const txs: Hex[] = []
      for (let left = prng.between(0, 4); left > 0; left--) txs.push(await prng.pick(makers)())
      return { txs }
    },
    mark(): () => void {
      const { nonce } = user
      return () => {
        user.nonce = nonce
      }
    },
  }
}

function word(n: number): Hex {
  return `0x${n.toString(16).padStart(64, '0')}`
}
function address(n: number): Hex {
  return toHex((0xa0n << 152n) + BigInt(n))
}
