/** Offline signing for devnet tests: a wallet that counts its own nonce, and the compiled contracts (contracts.sol). */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Abi, encodeFunctionData, fromRlp, getContractAddress, keccak256, toRlp } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { type Alloc, DEVNET_CHAIN_ID, type Hex, toHex } from './devnet.ts'

type Contract = { abi: Abi; bytecode: Hex; runtime: Hex }
export const contracts = JSON.parse(
  readFileSync(new URL('./contracts.json', import.meta.url), 'utf8'),
) as Record<string, Contract>

export function contract(name: string): Contract {
  const found = contracts[name]
  if (found === undefined) throw new Error(`no contract ${name}`)
  return found
}

export function callData(name: string, functionName: string, args: readonly unknown[] = []): Hex {
  return encodeFunctionData({ abi: contract(name).abi, functionName, args } as never)
}

export interface Request {
  readonly to?: Hex
  readonly value?: bigint
  readonly data?: Hex
  readonly gas?: bigint
  readonly tip?: bigint
  readonly nonce?: number
  readonly [more: string]: unknown
}

export class Wallet {
  readonly account: PrivateKeyAccount
  nonce = 0
  /** Amsterdam prices new state (EIP-8037): with Osaka's gas, deployments and first payments run out there. */
  static gasScale = 1n

  constructor(seed: string) {
    this.account = privateKeyToAccount(keccak256(`0x${Buffer.from(`wallet ${seed}`).toString('hex')}`))
  }
  get address(): Hex {
    return this.account.address.toLowerCase() as Hex
  }

  /** Signs the next transaction, EIP-1559 unless `type` says otherwise. */
  sign(request: Request): Promise<Hex> {
    const {
      tip = 1_000_000_000n,
      nonce = this.nonce++,
      gas = request.data ? 1_000_000n : 21_000n,
      ...rest
    } = request
    const fees =
      rest['type'] === 'legacy' || rest['type'] === 'eip2930'
        ? { gasPrice: 100_000_000_000n }
        : { maxFeePerGas: 100_000_000_000n, maxPriorityFeePerGas: tip }
    return this.account.signTransaction({
      type: 'eip1559',
      chainId: DEVNET_CHAIN_ID,
      nonce,
      gas: gas * Wallet.gasScale,
      ...fees,
      ...rest,
    } as never)
  }
  call(
    name: string,
    to: Hex,
    functionName: string,
    args: readonly unknown[] = [],
    more: Request = {},
  ): Promise<Hex> {
    return this.sign({ to, data: callData(name, functionName, args), ...more })
  }
  async deploy(name: string, more: Request = {}): Promise<{ raw: Hex; address: Hex }> {
    const address = getContractAddress({ from: this.address, nonce: BigInt(this.nonce) }).toLowerCase() as Hex
    return { raw: await this.sign({ data: contract(name).bytecode, gas: 3_000_000n, ...more }), address }
  }
  /** EIP-7702. `ahead` = 1 when this account also sends the transaction. */
  authorize(to: Hex, ahead = 0): Promise<unknown> {
    return this.account.signAuthorization({
      address: to,
      chainId: DEVNET_CHAIN_ID,
      nonce: this.nonce + ahead,
    })
  }
  /** A blob transaction without a KZG library: the zero blob's commitment and proofs are the point at infinity. Osaka's network form. */
  async blobTransaction(request: Request, blobs = 1): Promise<Hex> {
    const infinity = `0xc0${'00'.repeat(47)}` as Hex
    const digest = createHash('sha256')
      .update(Buffer.from(infinity.slice(2), 'hex'))
      .digest('hex')
    const raw = await this.sign({
      type: 'eip4844',
      maxFeePerBlobGas: 10_000_000_000n,
      blobVersionedHashes: Array(blobs).fill(`0x01${digest.slice(2)}`),
      ...request,
    })
    const body = fromRlp(`0x${raw.slice(4)}`, 'hex')
    const zeroBlobs = Array<Hex>(blobs).fill(`0x${'00'.repeat(131_072)}`)
    const proofs = Array<Hex>(128 * blobs).fill(infinity)
    return `0x03${toRlp([body as Hex, '0x01', zeroBlobs, Array<Hex>(blobs).fill(infinity), proofs] as never).slice(2)}`
  }
}

/** A million ether for each. */
export function fund(...wallets: readonly Wallet[]): Alloc {
  return Object.fromEntries(wallets.map((wallet) => [wallet.address, { balance: toHex(10n ** 24n) }]))
}
