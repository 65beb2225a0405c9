/**
 * Transactions and block contents each of which is a trap for whoever derives state: creations and destructions in every order, touches,
 * reverts, delegations, withdrawals, requests. A block is a mixture of some of them.
 */
import { getContractAddress } from 'viem'
import type { Prng } from '#kernel/prng.ts'
import { type Alloc, type Hex, toHex, type Withdrawal } from '#test/geth/devnet.ts'
import { contract, fund, type Request, Wallet } from '#test/geth/wallet.ts'

/** What one vector puts into a block. */
export interface Part {
  readonly txs: readonly Hex[]
  readonly withdrawals?: readonly Withdrawal[]
  readonly feeRecipient?: Hex
}

export interface Vectors {
  readonly alloc: Alloc
  /** The block that everything else stands on. */
  setup(): Promise<Part>
  readonly names: readonly string[]
  make(name: string): Promise<Part>
  /** Gives what takes the senders back to here, for blocks that are built in place of others. */
  mark(): () => void
}

const ETHER = 10n ** 18n
const DEPOSITS: Hex = '0x00000000219ab540356cbb839cbe05303d7705fa'
const DEPOSIT_EVENT = '649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5'
const WITHDRAWAL_REQUESTS: Hex = '0x00000961ef480eb55e80d19ad83579a64c007002'
const CONSOLIDATION_REQUESTS: Hex = '0x0000bbddc7ce488642fb579f8b00f3a590007251'
const SLOT_KEEPER: Hex = '0x000000000000000000000000000000000000517e'
const ZERO: Hex = `0x${'00'.repeat(20)}`

/** @param nonceOf the nonce of an account in the state that the block is built on */
export function createVectors(prng: Prng, nonceOf: (address: Hex) => Promise<number>): Vectors {
  const [w, eoa, eoa2, eoa3] = ['main', 'eoa', 'eoa2', 'eoa3'].map((name) => new Wallet(name)) as [
    Wallet,
    Wallet,
    Wallet,
    Wallet,
  ]
  let freshWallets = 0
  let made = 0
  const fresh = (): Hex => `0x${(0xf0e5_0000_0000n + BigInt(++made)).toString(16).padStart(40, '0')}`
  const sink: Hex = '0x00000000000000000000000000000000000051c4'
  const salt = (): Hex => `0x${(++made).toString(16).padStart(64, '0')}`
  let vectors: Hex = ZERO
  let bomb: Hex = ZERO
  let bomb2: Hex = ZERO
  /** CREATE2 addresses that were paid before anything is there, with their salts. */
  const prefunded: { readonly address: Hex; readonly salt: Hex }[] = []
  const bombs: Hex[] = []

  const at = (from: Hex): Hex =>
    getContractAddress({
      opcode: 'CREATE2',
      from: vectors,
      salt: from,
      bytecode: contract('Bomb').bytecode,
    }).toLowerCase() as Hex
  const run = (fn: string, args: readonly unknown[] = [], more: Request = {}): Promise<Hex> =>
    w.call('Vectors', vectors, fn, args, { gas: 3_000_000n, ...more })
  const one = async (raw: Promise<Hex>): Promise<Part> => ({ txs: [await raw] })
  const credit = (address: Hex, gwei: number): Withdrawal => ({
    index: toHex(++made),
    validatorIndex: '0x1',
    address,
    amount: toHex(gwei),
  })
  const delegate = async (who: Wallet, to: Hex): Promise<Hex> => {
    const authorization = await who.authorize(to)
    who.nonce++
    return w.sign({ type: 'eip7702', to: sink, gas: 500_000n, authorizationList: [authorization] })
  }
  const request = (to: Hex, data: Hex, value = 1n): Promise<Hex> => w.sign({ to, value, data, gas: 300_000n })
  const exit = (amount: number): Hex => `0x${'11'.repeat(48)}${amount.toString(16).padStart(16, '0')}`

  const table: Record<string, () => Promise<Part>> = {
    'nothing but the system calls': async () => ({ txs: [] }),
    'a transfer, the tip to a new beneficiary': async () => ({
      txs: [await w.sign({ to: fresh(), value: 1n })],
      feeRecipient: fresh(),
    }),
    'no tip, a beneficiary that is not there': async () => ({
      txs: [await w.sign({ to: sink, value: 1n, tip: 0n })],
      feeRecipient: fresh(),
    }),
    'the beneficiary is the sender': async () => ({
      txs: [await w.sign({ to: sink, value: 1n })],
      feeRecipient: w.address,
    }),
    'withdrawals to one that is there, and twice to one that is not': async () => {
      const to = fresh()
      return {
        txs: [await w.sign({ to: sink, value: 1n })],
        withdrawals: [credit(sink, 5), credit(to, 6), credit(to, 7)],
      }
    },
    'a withdrawal, then one of nothing, to the same account; one to a system contract that is asked':
      async () => {
        const to = fresh()
        return {
          txs: [await request(WITHDRAWAL_REQUESTS, exit(1))],
          withdrawals: [credit(to, 5), credit(to, 0), credit(WITHDRAWAL_REQUESTS, 3)],
        }
      },
    'a withdrawal of nothing to nobody': async () => ({ txs: [], withdrawals: [credit(fresh(), 0)] }),
    'created and destroyed in one transaction': () => one(run('createDestroy', [sink], { value: 3n })),
    'the same, to itself: burnt': () => one(run('createDestroySelf', [], { value: 3n })),
    'created, destroyed, then paid': () => one(run('createDestroyThenFund', [sink], { value: 3n })),
    'created, destroyed in a frame that is reverted': () =>
      one(run('createRevertedDestroy', [sink], { value: 2n })),
    'created, destroyed in a reverted frame, then written to': async () => {
      const child = getContractAddress({ from: vectors, nonce: BigInt(await nonceOf(vectors)) })
      const create = await run('createRevertedDestroy', [sink], { value: 2n })
      return { txs: [create, await w.call('Bomb', child.toLowerCase() as Hex, 'set', [99n, 0n])] }
    },
    'an older contract is told to destroy itself': () => one(run('destroy', [bomb, sink])),
    'the same, reverted': () => one(run('destroyReverted', [bomb2, sink])),
    CREATE2: async () => {
      const mine = salt()
      bombs.push(at(mine))
      return one(run('create2', [mine], { value: 4n }))
    },
    'CREATE2 collides, then what is there is destroyed': async () => {
      const mine = salt()
      const first = await run('create2', [mine], { value: 4n })
      return { txs: [first, await run('collideThenDestroy', [mine, at(mine), sink])] }
    },
    'CREATE2 in a reverted frame': () => one(run('createReverted', [salt()])),
    'destroyed in its constructor': () => one(run('ctorDestroy', [sink], { value: 2n })),
    'a creating transaction, destroyed in its constructor': async () => {
      const code = `${contract('SuicidalCtor').bytecode}${sink.slice(2).padStart(64, '0')}` as Hex
      return one(w.sign({ data: code, value: 2n, gas: 3_000_000n }))
    },
    'a constructor that reverts': () => one(run('ctorRevert')),
    'a creating transaction that reverts': async () =>
      one(w.sign({ data: contract('RevertCtor').bytecode, gas: 3_000_000n })),
    'an address is paid before its contract is there': async () => {
      const mine = salt()
      prefunded.push({ address: at(mine), salt: mine })
      return one(w.sign({ to: at(mine), value: 77n }))
    },
    'a paid address is created and destroyed': async () => {
      const paid = prefunded.pop()
      return one(run('create2Destroy', [paid?.salt ?? salt(), sink]))
    },
    'created and destroyed, then created again': async () => {
      const mine = salt()
      return { txs: [await run('create2Destroy', [mine, sink]), await run('create2', [mine], { value: 1n })] }
    },
    'paid, then created and destroyed in the next transaction': async () => {
      const mine = salt()
      return { txs: [await w.sign({ to: at(mine), value: 77n }), await run('create2Destroy', [mine, sink])] }
    },
    'created, destroyed in the next transaction: it stays': async () => {
      const mine = salt()
      return {
        txs: [await run('create2', [mine], { value: 1n }), await w.call('Bomb', at(mine), 'boom', [sink])],
      }
    },
    'an account that is not there is touched': () => one(run('touch', [fresh()])),
    'nothing is sent to an account that is not there': () => one(w.sign({ to: fresh() })),
    'value to a precompile': () =>
      one(w.sign({ to: '0x0000000000000000000000000000000000000004', value: 1n, gas: 50_000n })),
    'value to an account that is not there, then reverted': () =>
      one(run('sendThenRevert', [fresh()], { value: 1n })),
    'the number of the beacon chain’s slot is written down': () =>
      one(w.sign({ to: SLOT_KEEPER, gas: 300_000n })),
    'slots are set and reverted': () => one(run('setRevert')),
    'slots are set': () => one(run('setAB', [5n, 6n])),
    'a slot is cleared, another changed': () => one(run('setAB', [0n, BigInt(prng.between(1, 9))])),
    'a slot is set and cleared in two transactions': async () => ({
      txs: [await run('setA', [1n]), await run('setA', [0n])],
    }),
    'out of gas': () => one(run('setAB', [1n, 1n], { gas: 30_000n })),
    'an account delegates': () => one(delegate(eoa, vectors)),
    'an account that was not there delegates': () =>
      one(delegate(new Wallet(`fresh ${prng.between(0, 1e9)} ${++freshWallets}`), vectors)),
    'a delegate writes to its account': () => one(w.call('Vectors', eoa.address, 'setAB', [8n, 9n])),
    'a delegation is cleared': () => one(delegate(eoa, ZERO)),
    'a delegation is set and cleared in two transactions': async () => ({
      txs: [await delegate(eoa, vectors), await delegate(eoa, ZERO)],
    }),
    'an authorization with a wrong nonce': async () => {
      const authorization = await eoa3.authorize(vectors, 5)
      return one(w.sign({ type: 'eip7702', to: sink, gas: 500_000n, authorizationList: [authorization] }))
    },
    'an account delegated to a contract that destroys itself': async () => ({
      txs: [await delegate(eoa2, bomb2), await w.call('Bomb', eoa2.address, 'boom', [sink])],
    }),
    'a withdrawal request': () => one(request(WITHDRAWAL_REQUESTS, exit(1), 1_000n)),
    'a consolidation request': () => one(request(CONSOLIDATION_REQUESTS, `0x${'22'.repeat(96)}`, 1_000n)),
    'more withdrawal requests than one block takes': async () => ({
      txs: await Promise.all(
        Array.from({ length: 30 }, (_, i) => request(WITHDRAWAL_REQUESTS, exit(i + 16), 1_000_000n)),
      ),
    }),
    'a request that pays too little': () => one(request(WITHDRAWAL_REQUESTS, exit(1), 0n)),
    'the beneficiary is destroyed in the block': async () => {
      const mine = salt()
      return { txs: [await run('create2Destroy', [mine, sink])], feeRecipient: at(mine) }
    },
    'a withdrawal to what is destroyed in the block': async () => {
      const mine = salt()
      return { txs: [await run('create2Destroy', [mine, sink])], withdrawals: [credit(at(mine), 5)] }
    },
    blobs: async () => one(w.blobTransaction({ to: sink, value: 1n }, prng.between(1, 2))),
    deposits: async () => one(w.sign({ to: DEPOSITS, data: depositEvent(++made), gas: 300_000n })),
    'an older contract’s slots are cleared, then it is told to destroy itself': async () => {
      const mine = bombs.pop() ?? bomb2
      return {
        txs: [await w.call('Bomb', mine, 'set', [0n, 0n]), await w.call('Bomb', mine, 'boom', [mine])],
      }
    },
    'storage at many keys': () =>
      one(
        w.call('Burner', burner, 'store', [BigInt(prng.between(0, 400)), 40n, BigInt(prng.between(0, 1))], {
          gas: 3_000_000n,
        }),
      ),
  }
  let burner: Hex = ZERO

  return {
    alloc: {
      ...fund(w, eoa, eoa2, eoa3),
      [DEPOSITS]: { balance: '0x0', code: depositContract },
      [SLOT_KEEPER]: { balance: '0x0', code: slotKeeper },
    },
    async setup() {
      const contracts = [
        await w.deploy('Vectors', { value: ETHER }),
        await w.deploy('Bomb', { value: 5n }),
        await w.deploy('Bomb', { value: 5n }),
        await w.deploy('Burner'),
      ]
      ;[vectors, bomb, bomb2, burner] = contracts.map(({ address }) => address) as [Hex, Hex, Hex, Hex]
      return { txs: contracts.map(({ raw }) => raw) }
    },
    names: Object.keys(table),
    make: (name) => (table[name] as () => Promise<Part>)(),
    mark() {
      const wallets = [w, eoa, eoa2, eoa3]
      const nonces = wallets.map(({ nonce }) => nonce)
      return () => {
        for (const [i, wallet] of wallets.entries()) wallet.nonce = nonces[i] as number
      }
    },
  }
}

/** SLOTNUM NUMBER SSTORE STOP (EIP-7843): an instruction that there is not before Amsterdam. */
const slotKeeper: Hex = '0x4b435500'

/** Whatever it is called with becomes its event. */
const depositContract: Hex = `0x365f5f37${`7f${DEPOSIT_EVENT}`}365fa100`

/** The data of a DepositEvent (EIP-6110). */
function depositEvent(index: number): Hex {
  const word = (n: number): string => n.toString(16).padStart(64, '0')
  const field = (bytes: number, fill: string): string =>
    word(bytes) + fill.repeat(bytes).padEnd(64 * Math.ceil(bytes / 32), '0')
  const places = [160, 256, 320, 384, 512].map(word).join('')
  const fields = [field(48, 'a1'), field(32, 'b2'), field(8, 'c3'), field(96, 'd4')].join('')
  return `0x${places}${fields}${word(8)}${index.toString(16).padStart(16, '0').padEnd(64, '0')}`
}
