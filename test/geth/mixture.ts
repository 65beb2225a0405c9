/**
 * Blocks that each mix some of what makes state hard, drawn from a seed: SELFDESTRUCT in all its forms, CREATE2 and its collisions, failed
 * and reverted creations, touched and prefunded accounts, EIP-7702 delegations, withdrawals, requests to the system contracts, blobs, odd
 * fee recipients; and reorganisations. Which transactions fail is part of the mixture.
 */
import { getContractAddress, keccak256, pad } from 'viem'
import { createPrng, type Prng } from '#kernel/prng.ts'
import { type BuiltBlock, type Devnet, type Hex, toHex, type Withdrawal } from './devnet.ts'
import { contract, fund, type Request, Wallet } from './wallet.ts'

export interface Mixture {
  readonly alloc: ReturnType<typeof fund>
  readonly chain: readonly BuiltBlock[]
  /** Addresses that some block was about: they exist, existed, or never did. */
  readonly addresses: ReadonlySet<Hex>
  readonly contracts: { readonly token: Hex; readonly vectors: Hex }
  /** Adds a block on the head of the devnet. */
  block(net: Devnet): Promise<void>
  /** Replaces the last `depth` blocks by `depth + 1` others, with one change of head. */
  reorg(net: Devnet, depth: number): Promise<void>
}

/** What one ingredient adds to its block. */
interface Part {
  readonly transactions?: readonly Hex[]
  readonly withdrawals?: readonly (readonly [to: Hex, gwei: number])[]
  readonly feeRecipient?: Hex
}
type Ingredient = (kitchen: Kitchen) => Promise<Part>

const PARTS_MAX = 5
const SAFE_BEHIND = 4
const FINALIZED_BEHIND = 9
const CALL_GAS = 3_000_000n
const WITHDRAWAL_QUEUE: Hex = '0x00000961ef480eb55e80d19ad83579a64c007002'
const CONSOLIDATION_QUEUE: Hex = '0x0000bbddc7ce488642fb579f8b00f3a590007251'
const NOBODY: Hex = `0x${'00'.repeat(20)}`
const SINK: Hex = '0x00000000000000000000000000000000000051c4'

export function createMixture(seed: number | string): Mixture {
  const kitchen = createKitchen(createPrng(seed))
  const chain: BuiltBlock[] = []
  const before: (() => void)[] = []
  let genesis: Hex | undefined

  const add = async (net: Devnet, feeRecipient: Hex | undefined): Promise<void> => {
    before.push(kitchen.mark())
    const parts = chain.length === 0 ? [await setUp(kitchen)] : await draw(kitchen)
    const parent = chain.at(-1)?.hash ?? genesis
    const recipient = parts.findLast((part) => part.feeRecipient !== undefined)?.feeRecipient ?? feeRecipient
    const safe = chain.at(-SAFE_BEHIND)?.hash
    const finalized = chain.at(-FINALIZED_BEHIND)?.hash
    const block = await net.produce({
      txs: parts.flatMap(({ transactions = [] }) => transactions),
      withdrawals: parts.flatMap(({ withdrawals = [] }) => withdrawals).map(withdrawal),
      safe,
      finalized,
      ...(parent !== undefined && { parent }),
      ...(recipient !== undefined && { feeRecipient: recipient }),
    })
    chain.push(block)
  }

  return {
    alloc: fund(...kitchen.wallets),
    chain,
    addresses: kitchen.addresses,
    contracts: { token: kitchen.token, vectors: kitchen.vectors },
    async block(net) {
      genesis ??= await genesisHash(net)
      await add(net, undefined)
    },
    async reorg(net, depth) {
      chain.splice(-depth)
      before.splice(-depth)[0]?.()
      for (let i = 0; i <= depth; i++) await add(net, kitchen.fresh())
    },
  }
}

interface Kitchen {
  readonly prng: Prng
  readonly wallets: readonly Wallet[]
  readonly main: Wallet
  readonly eoas: readonly Wallet[]
  readonly token: Hex
  readonly vectors: Hex
  /** Contracts that ingredients destroyed or will destroy; some are not there any more. */
  readonly bombs: Hex[]
  readonly addresses: Set<Hex>
  fresh(): Hex
  salt(): Hex
  /** Gives what takes the wallets back to here. */
  mark(): () => void
  call(functionName: string, args?: readonly unknown[], more?: Request): Promise<Hex>
}

function createKitchen(prng: Prng): Kitchen {
  const main = new Wallet('mixture main')
  const eoas = ['a', 'b', 'c'].map((name) => new Wallet(`mixture ${name}`))
  const wallets = [main, ...eoas]
  const created = (nonce: bigint): Hex =>
    getContractAddress({ from: main.address, nonce }).toLowerCase() as Hex
  const [token, vectors, bomb, other] = [0n, 1n, 2n, 3n].map(created) as [Hex, Hex, Hex, Hex]
  const addresses = new Set<Hex>([
    token,
    vectors,
    bomb,
    other,
    SINK,
    ...wallets.map(({ address }) => address),
  ])
  let drawn = 0
  return {
    prng,
    wallets,
    main,
    eoas,
    token,
    vectors,
    bombs: [bomb, other],
    addresses,
    fresh() {
      const address: Hex = `0x${keccak256(toHex(0xf5e5_0000 + drawn++)).slice(26)}`
      addresses.add(address)
      return address
    },
    salt: () => pad(toHex(++drawn), { size: 32 }),
    mark() {
      const nonces = wallets.map(({ nonce }) => nonce)
      return () => {
        for (const [i, wallet] of wallets.entries()) wallet.nonce = nonces[i] ?? 0
      }
    },
    call: (functionName, args = [], more = {}) =>
      main.call('Vectors', vectors, functionName, args, { gas: CALL_GAS, ...more }),
  }
}

async function setUp({ main, eoas }: Kitchen): Promise<Part> {
  const deployed = [
    await main.deploy('Token'),
    await main.deploy('Vectors', { value: 10n ** 18n }),
    await main.deploy('Bomb', { value: 5n }),
    await main.deploy('Bomb', { value: 5n }),
  ]
  const minted: Hex[] = []
  for (const to of [main, ...eoas])
    minted.push(
      await main.call('Token', (deployed[0] as { address: Hex }).address, 'mint', [to.address, 10n ** 24n]),
    )
  return { transactions: [...deployed.map(({ raw }) => raw), ...minted] }
}

/** None is a block of its own: the system's changes alone. */
async function draw(kitchen: Kitchen): Promise<Part[]> {
  const parts: Part[] = []
  for (let n = kitchen.prng.between(0, PARTS_MAX); n > 0; n--)
    parts.push(await kitchen.prng.pick(INGREDIENTS)(kitchen))
  return parts
}

const one = async (transaction: Promise<Hex>): Promise<Part> => ({ transactions: [await transaction] })

const INGREDIENTS: readonly Ingredient[] = [
  async (k) => ({ ...(await one(k.main.sign({ to: k.fresh(), value: 1n }))), feeRecipient: k.fresh() }),
  async (k) => ({ ...(await one(k.main.sign({ to: SINK, value: 1n, tip: 0n }))), feeRecipient: k.fresh() }),
  async (k) => ({ ...(await one(k.main.sign({ to: SINK, value: 1n }))), feeRecipient: k.main.address }),
  async (k) => {
    const fresh = k.fresh()
    return { withdrawals: [[SINK, 5], [fresh, 6], [fresh, 7]] }
  },
  async (k) => ({ withdrawals: [[k.fresh(), 0]] }),
  (k) => one(k.main.sign({ type: 'legacy', to: k.prng.pick(k.eoas).address, value: 7n })),
  (k) => one(k.main.sign({ type: 'eip2930', to: SINK, gas: 60_000n, accessList: [{ address: k.token, storageKeys: [pad('0x2', { size: 32 })] }] })),
  (k) => one(k.main.call('Token', k.token, 'transfer', [k.prng.pick([...k.addresses]), BigInt(k.prng.between(0, 9))])),
  (k) => one(k.main.call('Token', k.token, 'approve', [k.fresh(), BigInt(k.prng.between(0, 1))])),
  (k) => one(k.main.call('Token', k.token, 'transfer', [SINK, 10n ** 30n])),
  (k) => one(k.call('createDestroy', [SINK], { value: 3n })),
  (k) => one(k.call('createDestroySelf', [], { value: 3n })),
  (k) => one(k.call('createDestroyThenFund', [SINK], { value: 3n })),
  (k) => one(k.call('createRevertedDestroy', [SINK], { value: 2n })),
  (k) => one(k.call('destroy', [k.prng.pick(k.bombs), SINK])),
  (k) => one(k.call('destroyReverted', [k.prng.pick(k.bombs), SINK])),
  (k) => one(k.call('create2', [child(k).salt], { value: 4n })),
  (k) => one(k.call('create2', [k.salt()], { value: 4n, gas: 60_000n })),
  async (k) => {
    const { salt, address } = child(k)
    return { transactions: [await k.call('create2', [salt]), await k.call('collideThenDestroy', [salt, address, SINK])] }
  },
  (k) => one(k.call('createReverted', [k.salt()])),
  (k) => one(k.call('ctorDestroy', [SINK], { value: 2n })),
  (k) => one(k.main.sign({ data: `${contract('SuicidalCtor').bytecode}${pad(SINK, { size: 32 }).slice(2)}`, value: 2n })),
  (k) => one(k.call('ctorRevert')),
  (k) => one(k.main.sign({ data: contract('RevertCtor').bytecode })),
  (k) => one(k.main.sign({ data: '0xfe', gas: 100_000n })),
  async (k) => {
    const { salt, address } = child(k)
    return { transactions: [await k.main.sign({ to: address, value: 77n }), await k.call('create2Destroy', [salt, SINK])] }
  },
  async (k) => {
    const { salt } = child(k)
    return { transactions: [await k.call('create2Destroy', [salt, SINK]), await k.call('create2', [salt], { value: 1n })] }
  },
  async (k) => {
    const { salt, address } = child(k)
    return { transactions: [await k.call('create2', [salt], { value: 1n }), await k.main.call('Bomb', address, 'boom', [SINK])] }
  },
  (k) => one(k.call('touch', [k.fresh()])),
  (k) => one(k.main.sign({ to: k.fresh() })),
  (k) => one(k.main.sign({ to: '0x0000000000000000000000000000000000000004', value: 1n, gas: 50_000n })),
  (k) => one(k.call('sendThenRevert', [k.fresh()], { value: 1n })),
  (k) => one(k.call('setRevert')),
  (k) => one(k.call('setAB', [BigInt(k.prng.between(0, 2)), BigInt(k.prng.between(0, 9))])),
  async (k) => ({ transactions: [await k.call('setA', [1n]), await k.call('setA', [0n])] }),
  (k) => one(k.call('setAB', [1n, 1n], { gas: 30_000n + BigInt(k.prng.between(0, 99)) })),
  (k) => one(k.main.call('Bomb', k.prng.pick(k.bombs), 'set', [BigInt(k.prng.between(0, 2)), 0n])),
  (k) => one(delegating(k, k.prng.pick(k.eoas), k.vectors)),
  (k) => one(delegating(k, k.prng.pick(k.eoas), NOBODY)),
  (k) => one(delegating(k, k.prng.pick(k.eoas), k.prng.pick(k.bombs))),
  (k) => one(k.main.call('Vectors', k.prng.pick(k.eoas).address, 'setAB', [8n, BigInt(k.prng.between(0, 3))])),
  (k) => one(k.main.call('Bomb', k.prng.pick(k.eoas).address, 'boom', [SINK])),
  async (k) => {
    const eoa = k.prng.pick(k.eoas)
    return { transactions: [await delegating(k, eoa, k.vectors), await delegating(k, eoa, NOBODY)] }
  },
  async (k) => one(k.main.sign({ type: 'eip7702', to: SINK, gas: 500_000n, authorizationList: [await k.prng.pick(k.eoas).authorize(k.vectors, 5)] })),
  (k) => one(k.main.sign({ to: WITHDRAWAL_QUEUE, value: 1_000n, data: `0x${'11'.repeat(48)}0000000000000001`, gas: 300_000n })),
  (k) => one(k.main.sign({ to: CONSOLIDATION_QUEUE, value: 1_000n, data: `0x${'22'.repeat(96)}`, gas: 300_000n })),
  async (k) => {
    const transactions: Hex[] = []
    for (let i = 16; i < 36; i++) transactions.push(await k.main.sign({ to: WITHDRAWAL_QUEUE, value: 100_000n, data: `0x${'11'.repeat(48)}${i.toString(16).padStart(16, '0')}`, gas: 300_000n }))
    return { transactions }
  },
  async (k) => {
    const { salt, address } = child(k)
    const transactions = [await k.call('create2Destroy', [salt, SINK])]
    return k.prng.chance(0.5) ? { transactions, feeRecipient: address } : { transactions, withdrawals: [[address, 5]] }
  },
  (k) => one(k.main.blobTransaction({ to: SINK, gas: 30_000n })),
] // biome-ignore format: one line an ingredient, where it fits

/** Where Vectors.create2 makes a Bomb. */
function child(k: Kitchen): { salt: Hex; address: Hex } {
  const salt = k.salt()
  const { bytecode } = contract('Bomb')
  const address = getContractAddress({
    opcode: 'CREATE2',
    from: k.vectors,
    salt,
    bytecode,
  }).toLowerCase() as Hex
  k.addresses.add(address)
  k.bombs.push(address)
  return { salt, address }
}

async function delegating(k: Kitchen, eoa: Wallet, to: Hex): Promise<Hex> {
  const authorization = await eoa.authorize(to)
  eoa.nonce++
  return k.main.sign({ type: 'eip7702', to: SINK, gas: 500_000n, authorizationList: [authorization] })
}

function withdrawal([address, gwei]: readonly [Hex, number], i: number): Withdrawal {
  return { index: toHex(i + 1), validatorIndex: '0x1', address, amount: toHex(gwei) }
}

async function genesisHash(net: Devnet): Promise<Hex> {
  const [node] = net.nodes
  if (node === undefined) throw new Error('a devnet has a node')
  return ((await node.rpc('eth_getBlockByNumber', '0x0', false)) as { hash: Hex }).hash
}
