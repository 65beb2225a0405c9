/** EVM values in the flat layouts of `evm-core/src/codec.rs` and `run.rs`. */
import { Fault } from '#kernel/fault.ts'
import type { BlockChanges, EvmEnvironment, EvmOutcome, EvmTransaction, MissingKey } from './evm-values.ts'
import { FlatReader, FlatWriter } from './flat-bytes.ts'

const NO_LIMIT = (1n << 64n) - 1n
/** Memory of one run (geth has no such limit; gas bounds it near this). */
export const RUN_MEMORY_BYTES = 256n * 1024n * 1024n
const FLAG = {
  call: 1,
  hasTo: 1,
  hasChainId: 2,
  hasPriorityFee: 4,
  exists: 1,
  wiped: 2,
  existed: 4,
  changed: 8,
} as const
/** `Status` of codec.rs. */
const STATUS = [
  'success',
  'revert',
  'halt',
  'invalid',
  'host',
  'aborted',
  'malformed',
  'unready',
  'fatal',
] as const
const ENVIRONMENT_BYTES = 200

export function encodeEnvironment(e: EvmEnvironment): Uint8Array {
  const w = new FlatWriter(ENVIRONMENT_BYTES)
  const isCall = e.checks === 'call'
  w.u32(isCall ? FLAG.call : 0)
  w.u8(e.spec)
  w.u64(e.chainId)
  w.u64(BigInt(e.number))
  w.u64(BigInt(e.timestamp))
  w.u64(e.gasLimit)
  w.u64(e.baseFee)
  w.bytes(e.beneficiary, 20)
  w.u256(e.difficulty)
  w.u8(e.prevRandao === undefined ? 0 : 1)
  if (e.prevRandao === undefined) w.zeros(32)
  else w.bytes(e.prevRandao, 32)
  w.u8(e.blob === undefined ? 0 : 1)
  w.u64(e.blob?.excessGas ?? 0n)
  w.u128(e.blob?.gasPrice ?? 1n)
  w.u64(e.blob?.fraction ?? 0n)
  w.u64(e.blob === undefined ? NO_LIMIT : BigInt(e.blob.blobsPerTransactionMax))
  // 0: the fork's own cap of a transaction's gas (EIP-7825), which geth does not apply to calls.
  w.u64(isCall ? NO_LIMIT : 0n)
  w.u64(RUN_MEMORY_BYTES)
  w.u64(e.slot ?? 0n)
  return w.written()
}

export function encodeTransaction(w: FlatWriter, t: EvmTransaction): Uint8Array {
  w.restart()
  const { to, chainId, priorityFee, accessList = NONE, blobHashes = NONE, authorizationList = NONE } = t
  w.u8(t.type)
  w.u8(
    (to === undefined ? 0 : FLAG.hasTo) |
      (chainId === undefined ? 0 : FLAG.hasChainId) |
      (priorityFee === undefined ? 0 : FLAG.hasPriorityFee),
  )
  w.bytes(t.from, 20)
  if (to === undefined) w.zeros(20)
  else w.bytes(to, 20)
  w.u64(t.gas)
  w.u128(t.gasPrice)
  w.u128(priorityFee ?? 0n)
  w.u256(t.value)
  w.u64(t.nonce)
  w.u64(chainId ?? 0n)
  w.u128(t.maxFeePerBlobGas ?? 0n)
  w.u32(accessList.length)
  for (const { address, storageKeys } of accessList) {
    w.bytes(address, 20)
    w.u32(storageKeys.length)
    for (const key of storageKeys) w.bytes(key, 32)
  }
  w.u32(blobHashes.length)
  for (const hash of blobHashes) w.bytes(hash, 32)
  w.u32(authorizationList.length)
  for (const authorization of authorizationList) {
    w.u256(authorization.chainId)
    w.bytes(authorization.address, 20)
    w.u64(authorization.nonce)
    w.u8(authorization.yParity)
    w.u256(authorization.r)
    w.u256(authorization.s)
  }
  w.u32(t.data.length)
  w.bytes(t.data)
  return w.written()
}

const NONE: readonly never[] = []

/** An address, then the data of a system call. */
export function encodeSystemCall(w: FlatWriter, address: Uint8Array, data: Uint8Array): Uint8Array {
  w.restart()
  w.bytes(address, 20)
  w.bytes(data)
  return w.written()
}

export function encodeCredit(w: FlatWriter, address: Uint8Array, wei: bigint): Uint8Array {
  w.restart()
  w.bytes(address, 20)
  w.u128(wei)
  return w.written()
}

/** @param missing what the run asked for in vain @throws Fault core/failed */
export function decodeOutcome(bytes: Uint8Array, missing: readonly MissingKey[]): EvmOutcome {
  const r = new FlatReader(bytes)
  const kind = STATUS[r.u8()]
  const gasUsed = r.u64()
  const gasSpent = r.u64()
  r.skip(16) // the refund and the floor, which gasUsed has in it
  const blockGas = { regular: r.u64(), state: r.u64() }
  const created = r.u8() === 1 ? r.bytes(20) : void r.skip(20)
  const output = r.sized()
  const reason = r.text()
  const opcode = r.u8()
  const stackItems = r.u32()
  if (missing.length > 0) return { kind: 'missing', keys: missing }
  const ran = { gasUsed, gasSpent, blockGas, output }
  switch (kind) {
    case 'success':
      return { kind, ...ran, logs: decodeLogs(r), ...(created && { created }) }
    case 'revert':
      return { kind, ...ran }
    case 'halt':
      return { kind, ...ran, reason, opcode, stackItems }
    case 'invalid':
      return { kind, reason }
    case 'aborted':
      return { kind: 'timeout' }
    default:
      throw new Fault('core/failed', `the EVM core ended a run without an outcome: ${kind} ${reason}`)
  }
}

function decodeLogs(r: FlatReader): { address: Uint8Array; topics: Uint8Array[]; data: Uint8Array }[] {
  const count = r.u32()
  if (count === 0) return []
  return Array.from({ length: count }, () => {
    const address = r.bytes(20)
    const topics = Array.from({ length: r.u8() }, () => r.bytes(32))
    return { address, topics, data: r.sized() }
  })
}

export function decodeChanges(bytes: Uint8Array): BlockChanges {
  const r = new FlatReader(bytes)
  const accounts = Array.from({ length: r.u32() }, () => {
    const address = r.bytes(20)
    const flags = r.u8()
    const has = (flag: number): boolean => (flags & flag) !== 0
    return {
      address,
      exists: has(FLAG.exists),
      wiped: has(FLAG.wiped),
      existed: has(FLAG.existed),
      changed: has(FLAG.changed),
      nonce: r.u64(),
      balance: r.bytes(32),
      codeHash: r.bytes(32),
      slots: Array.from({ length: r.u32() }, () => ({ key: r.bytes(32), value: r.bytes(32) })),
    }
  })
  const codes = Array.from({ length: r.u32() }, () => ({ hash: r.bytes(32), code: r.sized() }))
  const accessList = r.sized()
  return { accounts, codes, ...(accessList.length > 0 && { accessList }) }
}
