/**
 * One EVM instance: calls and block sessions on state that a host gives synchronously. A host read that throws ends the run and is thrown
 * again here; a read that is *missing* ends it with the keys named; a trap ends the instance, and the next run starts on a new one.
 */
import { assert } from '#kernel/assert.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { fromUtf8, toHex, type Hex } from '#kernel/bytes.ts'
import { type CoreInstance, newInstance } from './core.ts'
import { Reader, Writer } from './evm-codec.ts'

/** State as the EVM reads it; `chain/state-view.ts` is one. Lookups: −1 missing, 0 absent, 1 found. */
export interface HostState {
  account(address: Uint8Array, out: Uint8Array): number
  slot(address: Uint8Array, slot: Uint8Array, out: Uint8Array): number
  code(codeHash: Uint8Array): Uint8Array | undefined
  blockHash(number: number, out: Uint8Array): number
}

/** revm's SpecId, in its numbering. */
export const SPEC = {
  frontier: 0, homestead: 1, tangerine: 2, spuriousDragon: 3, byzantium: 4, petersburg: 5, istanbul: 6, berlin: 7, london: 8,
  merge: 9, shanghai: 10, cancun: 11, prague: 12, osaka: 13, amsterdam: 14,
} as const // biome-ignore format: one table
export type Spec = (typeof SPEC)[keyof typeof SPEC]

export interface EvmEnvironment {
  /** eth_call semantics: nonce, base fee, sender code, block gas limit and chain id are not checked; the balance is. */
  readonly checks: 'transaction' | 'call'
  readonly spec: Spec
  readonly chainId: bigint
  readonly number: number
  readonly timestamp: number
  readonly gasLimit: bigint
  readonly baseFee: bigint
  readonly beneficiary: Uint8Array
  readonly difficulty: bigint
  readonly prevRandao?: Uint8Array
  readonly blob?: {
    readonly excessGas: bigint
    readonly gasPrice: bigint
    readonly fraction: bigint
    readonly blobsPerTransactionMax: number
  }
}

export interface EvmTransaction {
  readonly type: number
  readonly from: Uint8Array
  readonly to?: Uint8Array
  readonly gas: bigint
  /** For types 2 and up the fee cap. */
  readonly gasPrice: bigint
  readonly priorityFee?: bigint
  readonly value: bigint
  readonly nonce: bigint
  readonly chainId?: bigint
  readonly data: Uint8Array
  readonly accessList?: readonly {
    readonly address: Uint8Array
    readonly storageKeys: readonly Uint8Array[]
  }[]
  readonly blobHashes?: readonly Uint8Array[]
  readonly maxFeePerBlobGas?: bigint
  readonly authorizationList?: readonly {
    readonly chainId: bigint
    readonly address: Uint8Array
    readonly nonce: bigint
    readonly yParity: number
    readonly r: bigint
    readonly s: bigint
  }[]
}

export interface EvmLog {
  readonly address: Uint8Array
  readonly topics: readonly Uint8Array[]
  readonly data: Uint8Array
}

export interface Ran {
  /** After refunds, and not below the floor of EIP-7623: what a receipt says. */
  readonly gasUsed: bigint
  /** Before refunds. */
  readonly gasSpent: bigint
  readonly gasRefunded: bigint
  readonly output: Uint8Array
}
export type MissingKey =
  | { readonly kind: 'account'; readonly address: Hex }
  | { readonly kind: 'slot'; readonly address: Hex; readonly slot: Hex }
  | { readonly kind: 'code'; readonly hash: Hex }
  | { readonly kind: 'blockHash'; readonly number: number }

export type EvmOutcome =
  | (Ran & { readonly kind: 'success'; readonly created?: Uint8Array; readonly logs: readonly EvmLog[] })
  | (Ran & { readonly kind: 'revert' })
  /** `reason` is revm's name of it. */
  | (Ran & { readonly kind: 'halt'; readonly reason: string })
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'missing'; readonly keys: readonly MissingKey[] }
  | { readonly kind: 'timeout' }

export interface BlockChange {
  readonly address: Uint8Array
  readonly exists: boolean
  readonly existed: boolean
  /** Deleted at the end of some transaction of the block: its listed slots are all that are not zero after it. */
  readonly wiped: boolean
  readonly nonce: bigint
  readonly balance: Uint8Array
  readonly codeHash: Uint8Array
  readonly slots: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]
}
export interface BlockChanges {
  readonly accounts: readonly BlockChange[]
  readonly codes: readonly { readonly hash: Uint8Array; readonly code: Uint8Array }[]
}

/** Analysed bytecode kept by an instance. */
const CODE_CACHE_BYTES = 64 * 1024 * 1024
/** Memory of one run (geth has no such limit; gas bounds it near this). */
const RUN_MEMORY_BYTES = 256n * 1024n * 1024n
/** Keys named at once when state is missing; the EVM stops at the first, so more would be a bug. */
const MISSING_KEYS_MAX = 16
const NO_LIMIT = (1n << 64n) - 1n
const STATUS = ['success', 'revert', 'halt', 'invalid', 'host', 'aborted'] as const

export interface Evm {
  /** Binds state and block for the runs that follow. `expired` is asked every few thousand jumps. */
  bind(state: HostState, environment: EvmEnvironment, expired?: () => boolean): void
  /** One transaction whose changes are dropped. */
  call(transaction: EvmTransaction): EvmOutcome
  /** Begins a block session: what follows commits into it until `finish`. */
  begin(): void
  transact(transaction: EvmTransaction): EvmOutcome
  systemCall(address: Uint8Array, data: Uint8Array): EvmOutcome
  /** Adds wei. */
  credit(address: Uint8Array, wei: bigint): void
  /** The net change of the session. */
  finish(): BlockChanges
}

/** @throws (by its methods) Fault core/trap; whatever the host state threw */
export function createEvm(): Evm {
  let state: HostState | undefined
  let environment: EvmEnvironment | undefined
  let expired: () => boolean = () => false
  let instance: CoreInstance | undefined
  let thrown: { readonly by: unknown } | undefined
  let missing: MissingKey[] = []

  const guard = (read: () => number): number => {
    try {
      return read()
    } catch (by) {
      thrown = { by }
      return -1
    }
  }
  const note = (lookup: number, key: () => MissingKey): number => {
    if (lookup < 0 && missing.length < MISSING_KEYS_MAX) missing.push(key())
    return lookup
  }
  const at = (from: number, length: number): Uint8Array =>
    core()
      .memory()
      .subarray(from, from + length)
  const imports = {
    account: (address: number, out: number) =>
      guard(() =>
        note(host().account(at(address, 20), at(out, 72)), () => ({
          kind: 'account',
          address: toHex(at(address, 20)),
        })),
      ),
    storage: (address: number, slot: number, out: number) =>
      guard(() =>
        note(host().slot(at(address, 20), at(slot, 32), at(out, 32)), () => ({
          kind: 'slot',
          address: toHex(at(address, 20)),
          slot: toHex(at(slot, 32)),
        })),
      ),
    code: (hash: number, outPointer: number) =>
      guard(() => {
        const code = host().code(at(hash, 32))
        if (code === undefined) return note(-1, () => ({ kind: 'code', hash: toHex(at(hash, 32)) }))
        if (code.length === 0) return 0
        const pointer = core().exports.alloc(code.length)
        const memory = core().memory()
        memory.set(code, pointer)
        new DataView(memory.buffer).setUint32(outPointer, pointer, true)
        return code.length
      }),
    block_hash: (low: number, high: number, out: number) =>
      guard(() => {
        const number = (high >>> 0) * 2 ** 32 + (low >>> 0)
        return note(host().blockHash(number, at(out, 32)), () => ({ kind: 'blockHash', number }))
      }),
    tick: () => (expired() ? 1 : 0),
  }

  const host = (): HostState => {
    assert(state !== undefined, 'state is bound before a run')
    return state
  }
  const core = (): CoreInstance => {
    if (instance === undefined) {
      instance = newInstance(imports)
      instance.exports.code_cache(CODE_CACHE_BYTES)
      if (environment !== undefined) sendEnvironment(instance, environment)
    }
    return instance
  }
  /** Runs one export; a trap ends the instance. */
  const enter = <T>(run: (core: CoreInstance) => T): T => {
    thrown = undefined
    missing = []
    const entered = core()
    try {
      return run(entered)
    } catch (cause) {
      instance = undefined
      throw new Fault(
        'core/trap',
        `the EVM core failed: ${entered.panicText || messageOf(cause)}`,
        {},
        { cause },
      )
    }
  }
  const outcomeOf = (run: (core: CoreInstance) => unknown): EvmOutcome => {
    const bytes = enter((entered) => {
      run(entered)
      return entered.output()
    })
    if (thrown !== undefined) throw thrown.by
    if (missing.length > 0) return { kind: 'missing', keys: missing }
    return decodeOutcome(new Reader(bytes))
  }

  return {
    bind(boundState, boundEnvironment, boundExpired = () => false) {
      state = boundState
      environment = boundEnvironment
      expired = boundExpired
      enter((entered) => sendEnvironment(entered, boundEnvironment))
    },
    call(transaction) {
      const bytes = encodeTransaction(transaction)
      return outcomeOf((entered) => {
        entered.input(bytes)
        return entered.exports.call(bytes.length)
      })
    },
    begin() {
      enter((entered) => entered.exports.block_begin())
    },
    transact(transaction) {
      const bytes = encodeTransaction(transaction)
      return outcomeOf((entered) => {
        entered.input(bytes)
        return entered.exports.block_tx(bytes.length)
      })
    },
    systemCall(address, data) {
      const writer = new Writer(20 + data.length)
      writer.bytes(address)
      writer.bytes(data)
      return outcomeOf((entered) => {
        entered.input(writer.written())
        return entered.exports.block_system_call(writer.length)
      })
    },
    credit(address, wei) {
      const writer = new Writer(36)
      writer.bytes(address)
      writer.u128(wei)
      const status = enter((entered) => {
        entered.input(writer.written())
        return entered.exports.block_credit(writer.length)
      })
      if (thrown !== undefined) throw thrown.by
      assert(status === 0, 'a credit fails only where the host failed')
    },
    finish() {
      const bytes = enter((entered) => {
        entered.exports.block_finish()
        return entered.output()
      })
      return decodeChanges(new Reader(bytes))
    },
  }
}

function sendEnvironment(core: CoreInstance, e: EvmEnvironment): void {
  const w = new Writer(320)
  w.u32(e.checks === 'call' ? 1 : 0)
  w.u8(e.spec)
  w.u64(e.chainId)
  w.u64(BigInt(e.number))
  w.u64(BigInt(e.timestamp))
  w.u64(e.gasLimit)
  w.u64(e.baseFee)
  w.bytes(e.beneficiary)
  w.u256(e.difficulty)
  w.u8(e.prevRandao === undefined ? 0 : 1)
  w.bytes(e.prevRandao ?? new Uint8Array(32))
  w.u8(e.blob === undefined ? 0 : 1)
  w.u64(e.blob?.excessGas ?? 0n)
  w.u128(e.blob?.gasPrice ?? 1n)
  w.u64(e.blob?.fraction ?? 0n)
  w.u64(e.blob === undefined ? NO_LIMIT : BigInt(e.blob.blobsPerTransactionMax))
  w.u64(e.checks === 'call' ? NO_LIMIT : 0n)
  w.u64(RUN_MEMORY_BYTES)
  core.input(w.written())
  core.exports.set_env(w.length)
}

function encodeTransaction(t: EvmTransaction): Uint8Array {
  const w = new Writer(400 + t.data.length)
  w.u8(t.type)
  w.u8((t.to ? 1 : 0) | (t.chainId === undefined ? 0 : 2) | (t.priorityFee === undefined ? 0 : 4))
  w.bytes(t.from)
  w.bytes(t.to ?? new Uint8Array(20))
  w.u64(t.gas)
  w.u128(t.gasPrice)
  w.u128(t.priorityFee ?? 0n)
  w.u256(t.value)
  w.u64(t.nonce)
  w.u64(t.chainId ?? 0n)
  w.u128(t.maxFeePerBlobGas ?? 0n)
  w.u32(t.accessList?.length ?? 0)
  for (const { address, storageKeys } of t.accessList ?? []) {
    w.bytes(address)
    w.u32(storageKeys.length)
    for (const key of storageKeys) w.bytes(key)
  }
  w.u32(t.blobHashes?.length ?? 0)
  for (const hash of t.blobHashes ?? []) w.bytes(hash)
  w.u32(t.authorizationList?.length ?? 0)
  for (const a of t.authorizationList ?? []) {
    w.u256(a.chainId)
    w.bytes(a.address)
    w.u64(a.nonce)
    w.u8(a.yParity)
    w.u256(a.r)
    w.u256(a.s)
  }
  w.u32(t.data.length)
  w.bytes(t.data)
  return w.written()
}

function decodeOutcome(r: Reader): EvmOutcome {
  const kind = STATUS[r.u8()]
  const gasUsed = r.u64()
  const gasSpent = r.u64()
  const gasRefunded = r.u64()
  r.u64()
  const hasCreated = r.u8() === 1
  const createdAddress = r.bytes(20)
  const output = r.sized()
  const reason = fromUtf8(r.sized())
  const ran = { gasUsed, gasSpent, gasRefunded, output }
  switch (kind) {
    case 'success': {
      const logs = Array.from({ length: r.u32() }, () => {
        const address = r.bytes(20)
        const topics = Array.from({ length: r.u8() }, () => r.bytes(32))
        return { address, topics, data: r.sized() }
      })
      return { kind, ...ran, logs, ...(hasCreated ? { created: createdAddress } : {}) }
    }
    case 'revert':
      return { kind, ...ran }
    case 'halt':
      return { kind, ...ran, reason }
    case 'invalid':
      return { kind, reason }
    case 'aborted':
      return { kind: 'timeout' }
    default:
      throw new Fault('core/failed', `the EVM core ended a run without an outcome: ${reason}`)
  }
}

function decodeChanges(r: Reader): BlockChanges {
  const accounts = Array.from({ length: r.u32() }, () => {
    const address = r.bytes(20)
    const flags = r.u8()
    const nonce = r.u64()
    const balance = r.bytes(32)
    const codeHash = r.bytes(32)
    const slots = Array.from({ length: r.u32() }, () => ({ key: r.bytes(32), value: r.bytes(32) }))
    const flag = (bit: number): boolean => (flags & bit) !== 0
    return { address, exists: flag(1), wiped: flag(2), existed: flag(4), nonce, balance, codeHash, slots }
  })
  const codes = Array.from({ length: r.u32() }, () => ({ hash: r.bytes(32), code: r.sized() }))
  return { accounts, codes }
}
