/**
 * A devnet without a consensus client: geth nodes on one genesis, driven through the Engine API alone. Blocks come when the test wants
 * them, with exact transaction lists; heads move only with setHead. So lag, siblings and reorgs of any depth up to 32 are explicit.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GETH } from '#test/support/needs.ts'
import { GethNode, type Json, type NodeSettings } from './node.ts'

export type Hex = `0x${string}`
export type Alloc = Record<
  string,
  { balance?: string; nonce?: string; code?: string; storage?: Record<string, string> }
>
export interface Withdrawal {
  readonly index: Hex
  readonly validatorIndex: Hex
  readonly address: Hex
  /** Gwei. */
  readonly amount: Hex
}

/** A built block with everything engine_newPayload needs. */
export interface BuiltBlock {
  readonly hash: Hex
  readonly parentHash: Hex
  readonly number: number
  readonly timestamp: number
  readonly payload: Json
  readonly versionedHashes: readonly Hex[]
  readonly beaconRoot: Hex
  readonly requests: readonly Hex[]
}

export interface BuildOptions {
  /** Default: the node's head. An ancestor makes a sibling (the node's head is moved there first). */
  readonly parent?: Hex
  /** Raw transactions in order. */
  readonly txs?: readonly Hex[]
  readonly withdrawals?: readonly Withdrawal[]
  readonly feeRecipient?: Hex
  readonly timestamp?: number
}

export interface Finality {
  readonly safe?: Hex | undefined
  readonly finalized?: Hex | undefined
}

const ZERO32 = `0x${'00'.repeat(32)}` as Hex
const FEE_RECIPIENT: Hex = '0x00000000000000000000000000000000000fee00'
const SLOT_SECONDS = 12
const GAS_LIMIT = 60_000_000
export const DEVNET_CHAIN_ID = 1_337

export const toHex = (n: number | bigint): Hex => `0x${n.toString(16)}`
const sha256 = (text: string | Buffer): Hex => `0x${createHash('sha256').update(text).digest('hex')}`

/** Whatever blocks are made on: a devnet, or a network that its clients are told of later. */
export interface BlockMaker {
  readonly nodes: readonly GethNode[]
  produce(options: BuildOptions & Finality): Promise<BuiltBlock>
}

/** What engine_newPayload says; SYNCING: the node does not know the parent. */
export type PayloadStatus = 'VALID' | 'INVALID' | 'SYNCING' | 'ACCEPTED'

export class Devnet implements BlockMaker {
  readonly dir: string
  readonly genesisFile: string
  readonly nodes: GethNode[] = []
  fork: 'osaka' | 'amsterdam' = 'osaka'
  readonly #jwt = randomBytes(32).toString('hex')
  readonly #timeOf = new Map<string, number>()

  private constructor(dir: string) {
    this.dir = dir
    this.genesisFile = join(dir, 'genesis.json')
  }

  static async start(options: {
    readonly alloc: Alloc
    readonly nodes?: number
    readonly fork?: 'osaka' | 'amsterdam'
  }): Promise<Devnet> {
    const fork = options.fork ?? 'osaka'
    const net = new Devnet(mkdtempSync(join(tmpdir(), 'drover-geth-')))
    net.fork = fork
    mkdirSync(net.dir, { recursive: true })
    writeFileSync(join(net.dir, 'jwt.hex'), net.#jwt)
    writeFileSync(net.genesisFile, JSON.stringify(genesisJson(options.alloc, options.fork)))
    for (let i = 0; i < (options.nodes ?? 1); i++) await net.addNode()
    return net
  }

  /** A further node at genesis: it knows no blocks until they are imported. */
  async addNode(more: Partial<Pick<NodeSettings, 'scheme' | 'args'>> = {}): Promise<GethNode> {
    const node = new GethNode({
      geth: GETH,
      dir: join(this.dir, `node${this.nodes.length}`),
      genesisFile: this.genesisFile,
      jwtSecret: this.#jwt,
      jwtFile: join(this.dir, 'jwt.hex'),
      gasLimit: GAS_LIMIT,
      args: [],
      ...more,
    })
    await node.init()
    await node.start()
    this.nodes.push(node)
    return node
  }

  /** Builds a block on `node`. Neither imports it nor moves any head, except to `options.parent`. */
  async build(node: GethNode, options: BuildOptions = {}): Promise<BuiltBlock> {
    const head = (await node.rpc('eth_getBlockByNumber', 'latest', false)) as { hash: Hex }
    const parent = options.parent ?? head.hash
    if (parent !== head.hash) await this.setHead(node, parent)
    const timestamp = options.timestamp ?? (await this.#time(node, parent)) + SLOT_SECONDS
    const beaconRoot = sha256(`beacon ${parent} ${timestamp}`)
    const attributes = {
      timestamp: toHex(timestamp),
      prevRandao: sha256(`randao ${timestamp}`),
      suggestedFeeRecipient: options.feeRecipient ?? FEE_RECIPIENT,
      withdrawals: options.withdrawals ?? [],
      parentBeaconBlockRoot: beaconRoot,
      ...(this.fork === 'amsterdam'
        ? { slotNumber: toHex(Math.floor(timestamp / 12)), targetGasLimit: toHex(GAS_LIMIT) }
        : {}),
    }
    const envelope = (await node.rpc(
      'testing_buildBlockV1',
      parent,
      attributes,
      options.txs ?? [],
      null,
    )) as Envelope
    const payload = envelope.executionPayload
    this.#timeOf.set(payload.blockHash, timestamp)
    return {
      hash: payload.blockHash,
      parentHash: parent,
      number: Number(payload.blockNumber),
      timestamp,
      payload,
      beaconRoot,
      versionedHashes: (envelope.blobsBundle?.commitments ?? []).map(versionedHash),
      requests: envelope.executionRequests ?? [],
    }
  }

  /** engine_newPayload: execute and store. The head does not move and no subscriber hears of it. */
  async importBlock(node: GethNode, block: BuiltBlock): Promise<void> {
    const status = await this.offer(node, block)
    if (status !== 'VALID') throw new Error(`newPayload ${block.number}: ${status}`)
  }

  /** The same, to a node that may not know the parent. */
  async offer(node: GethNode, block: BuiltBlock): Promise<PayloadStatus> {
    const { payload, versionedHashes, beaconRoot, requests } = block
    const answer = await node.engine(
      this.fork === 'amsterdam' ? 'engine_newPayloadV5' : 'engine_newPayloadV4',
      payload,
      versionedHashes,
      beaconRoot,
      requests,
    )
    return (answer as { status: PayloadStatus }).status
  }

  /** engine_forkchoiceUpdated: the one thing that moves latest, safe and finalized. */
  async setHead(node: GethNode, head: Hex, finality: Finality = {}): Promise<void> {
    const state = {
      headBlockHash: head,
      safeBlockHash: finality.safe ?? ZERO32,
      finalizedBlockHash: finality.finalized ?? ZERO32,
    }
    const answer = await node.engine(
      this.fork === 'amsterdam' ? 'engine_forkchoiceUpdatedV4' : 'engine_forkchoiceUpdatedV3',
      state,
      null,
    )
    if ((answer as { payloadStatus: { status: string } }).payloadStatus.status !== 'VALID') {
      throw new Error(`forkchoiceUpdated: ${JSON.stringify(answer)}`)
    }
  }

  /** Builds on the first node, then imports and sets the head on `to` (default: all). */
  async produce(
    options: BuildOptions & Finality & { readonly to?: readonly GethNode[] } = {},
  ): Promise<BuiltBlock> {
    const [first] = this.nodes
    if (first === undefined) throw new Error('a devnet has a node')
    const block = await this.build(first, options)
    for (const node of options.to ?? this.nodes) {
      await this.importBlock(node, block)
      await this.setHead(node, block.hash, options)
    }
    return block
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #time(node: GethNode, hash: Hex): Promise<number> {
    const known = this.#timeOf.get(hash)
    if (known !== undefined) return known
    return Number(((await node.rpc('eth_getBlockByHash', hash, false)) as { timestamp: Hex }).timestamp)
  }
}

interface Envelope {
  readonly executionPayload: Json & { blockHash: Hex; blockNumber: Hex }
  readonly blobsBundle?: { readonly commitments: readonly Hex[] }
  readonly executionRequests?: readonly Hex[]
}

/** EIP-4844. */
function versionedHash(commitment: Hex): Hex {
  return `0x01${sha256(Buffer.from(commitment.slice(2), 'hex')).slice(4)}`
}

/** Osaka from the first block, with all system contracts, in geth's format. */
function genesisJson(alloc: Alloc, fork: 'osaka' | 'amsterdam' = 'osaka'): Json {
  const blocks =
    'homestead,eip150,eip155,eip158,byzantium,constantinople,petersburg,istanbul,berlin,london'.split(',')
  const blobs = { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716 }
  const file = readFileSync(new URL('./system-contracts.json', import.meta.url), 'utf8')
  const contracts = JSON.parse(file) as Record<string, { fork: string; code: string }>
  const system = Object.entries(contracts).filter(
    ([, contract]) => contract.fork === 'prague' || contract.fork === fork,
  )
  return {
    config: {
      chainId: DEVNET_CHAIN_ID,
      ...Object.fromEntries(blocks.map((name) => [`${name}Block`, 0])),
      terminalTotalDifficulty: 0,
      shanghaiTime: 0,
      cancunTime: 0,
      pragueTime: 0,
      osakaTime: 0,
      ...(fork === 'amsterdam' ? { amsterdamTime: 0 } : {}),
      depositContractAddress: '0x00000000219ab540356cBB839Cbe05303d7705Fa',
      blobSchedule: {
        cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477 },
        prague: blobs,
        osaka: blobs,
      },
    },
    timestamp: toHex(Math.floor(Date.now() / 1_000) - 1_000_000),
    gasLimit: toHex(GAS_LIMIT),
    difficulty: '0x0',
    baseFeePerGas: '0x3b9aca00',
    extraData: '0x',
    alloc: {
      ...Object.fromEntries(
        system.map(([address, { code }]) => [address, { balance: '0x0', nonce: '0x1', code }]),
      ),
      ...alloc,
    },
  }
}
