/**
 * A chain with everything that makes state deltas hard: transfers of every transaction type, creations, ERC-20 traffic, SELFDESTRUCT
 * (same transaction, older contract, reverted), EIP-7702 delegations set and cleared, blobs, withdrawals, moving finality, reorgs.
 */
import { type BlockMaker, type BuiltBlock, type Hex, toHex } from './devnet.ts'
import { callData, fund, Wallet } from './wallet.ts'

export interface Scenario {
  readonly alloc: ReturnType<typeof fund>
  /** Adds a block on the head of the devnet. */
  block(net: BlockMaker): Promise<BuiltBlock>
  /** Replaces the last `depth` blocks by `depth + 1` others, with one change of head. */
  reorg(net: BlockMaker, depth: number): Promise<void>
  readonly chain: readonly BuiltBlock[]
}

/** Blocks behind the head that are safe and finalized. */
const SAFE_BEHIND = 8
const FINALIZED_BEHIND = 16

export function createScenario(): Scenario {
  const main = new Wallet('main')
  const other = new Wallet('other')
  const delegator = new Wallet('delegator')
  const wallets = [main, other, delegator]
  const sink: Hex = '0x00000000000000000000000000000000000051c4'
  const chain: BuiltBlock[] = []
  const nonces: number[][] = []
  let token: Hex = '0x'
  let vectors: Hex = '0x'
  let bomb: Hex = '0x'
  let genesis: Hex | undefined
  let salt = 0

  const deployments = async (): Promise<Hex[]> => {
    const contracts = [
      await main.deploy('Token'),
      await main.deploy('Vectors', { value: 10n ** 18n }),
      await main.deploy('Bomb', { value: 5n }),
    ]
    ;[token, vectors, bomb] = contracts.map(({ address }) => address) as [Hex, Hex, Hex]
    const mint = await main.call('Token', token, 'mint', [main.address, 10n ** 24n])
    return [...contracts.map(({ raw }) => raw), mint]
  }

  const makers: readonly ((i: number) => Promise<Hex>)[] = [
    (i) => main.sign({ to: sink, value: BigInt(i) }),
    (i) => main.sign({ type: 'legacy', to: other.address, value: BigInt(i + 1) }),
    () =>
      main.sign({
        type: 'eip2930',
        to: sink,
        value: 1n,
        gas: 40_000n,
        accessList: [{ address: token, storageKeys: [toHex32(2)] }],
      }),
    (i) => main.call('Token', token, 'transfer', [other.address, BigInt(i + 1)]),
    (i) => main.call('Token', token, 'transfer', [fresh(i), 1n]),
    (i) => main.call('Token', token, 'approve', [other.address, BigInt(i % 2)]),
    () => main.call('Vectors', vectors, 'createDestroy', [sink], { value: 3n }),
    () => main.call('Vectors', vectors, 'createDestroySelf', [], { value: 3n }),
    () => main.call('Vectors', vectors, 'createDestroyThenFund', [sink], { value: 3n }),
    () => main.call('Vectors', vectors, 'destroy', [bomb, sink]),
    () => main.call('Vectors', vectors, 'destroyReverted', [bomb, sink]),
    () => main.call('Vectors', vectors, 'createRevertedDestroy', [sink], { value: 2n }),
    () => main.call('Vectors', vectors, 'create2', [toHex32(++salt)], { value: 2n }),
    () => main.call('Vectors', vectors, 'create2Destroy', [toHex32(++salt), sink], { value: 2n }),
    () => main.call('Vectors', vectors, 'createReverted', [toHex32(++salt)]),
    () => main.call('Vectors', vectors, 'ctorDestroy', [sink], { value: 1n }),
    () => main.call('Vectors', vectors, 'ctorRevert'),
    (i) => main.call('Vectors', vectors, 'touch', [fresh(i + 5_000)]),
    (i) => main.call('Vectors', vectors, 'setAB', [BigInt(i % 3), BigInt(i % 2)]),
    () => main.call('Vectors', vectors, 'setRevert'),
    (i) =>
      main.sign({
        to: vectors,
        data: callData('Vectors', 'setAB', [1n, 2n]),
        gas: 30_000n + BigInt(i % 100),
      }),
    () => main.deploy('Bomb', { value: 1n }).then(({ raw }) => raw),
    (i) => main.sign({ data: '0xfe', gas: 100_000n + BigInt(i) }),
    async () =>
      main.sign({
        type: 'eip7702',
        to: delegator.address,
        gas: 200_000n,
        authorizationList: [await authorize(bomb)],
      }),
    async () =>
      main.sign({ type: 'eip7702', to: sink, gas: 200_000n, authorizationList: [await authorize(ZERO)] }),
    () => main.blobTransaction({ to: sink, gas: 30_000n }),
  ]
  const authorize = async (to: Hex): Promise<unknown> => {
    const signed = await delegator.authorize(to)
    delegator.nonce++
    return signed
  }

  const transactions = async (number: number): Promise<Hex[]> => {
    if (number === 1) return deployments()
    const out: Hex[] = []
    for (let i = 0; i < 6; i++) {
      const maker = makers[(number * 5 + i * 7) % makers.length]
      if (maker !== undefined) out.push(await maker(number * 10 + i))
    }
    return out
  }

  const add = async (net: BlockMaker, feeRecipient?: Hex): Promise<BuiltBlock> => {
    nonces.push(wallets.map((wallet) => wallet.nonce))
    const number = chain.length + 1
    const parent = chain.at(-1)?.hash ?? genesis
    const block = await net.produce({
      txs: await transactions(number),
      withdrawals: [
        { index: toHex(number), validatorIndex: '0x1', address: sink, amount: '0x5' },
        {
          index: toHex(number),
          validatorIndex: '0x2',
          address: fresh(number + 9_000),
          amount: toHex(number % 2),
        },
      ],
      safe: chain.at(-SAFE_BEHIND)?.hash,
      finalized: chain.at(-FINALIZED_BEHIND)?.hash,
      ...(parent === undefined ? {} : { parent }),
      ...(feeRecipient === undefined ? {} : { feeRecipient }),
    })
    chain.push(block)
    return block
  }

  return {
    alloc: fund(...wallets),
    chain,
    async block(net) {
      genesis ??= await genesisHash(net)
      return add(net)
    },
    async reorg(net, depth) {
      const [node] = net.nodes
      if (node === undefined) throw new Error('a devnet has a node')
      chain.splice(-depth)
      const undone = nonces.splice(-depth)
      for (const [i, wallet] of wallets.entries()) wallet.nonce = undone[0]?.[i] ?? wallet.nonce
      const feeRecipient: Hex = `0x${(0xfee01 + depth).toString(16).padStart(40, '0')}`
      for (let i = 0; i <= depth; i++) await add(net, feeRecipient)
    },
  }
}

const ZERO: Hex = `0x${'00'.repeat(20)}`
const toHex32 = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const fresh = (n: number): Hex => `0x${(0xabcd_0000 + n).toString(16).padStart(40, '0')}`

async function genesisHash(net: BlockMaker): Promise<Hex> {
  const [node] = net.nodes
  if (node === undefined) throw new Error('a devnet has a node')
  return ((await node.rpc('eth_getBlockByNumber', '0x0', false)) as { hash: Hex }).hash
}
