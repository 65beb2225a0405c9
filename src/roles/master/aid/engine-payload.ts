/**
 * A block of the feed as the Engine API takes it (execution-apis, src/engine): all of a payload is in the frame, but for the requests of
 * EIP-7685 and the block access list of EIP-7928, which whoever executed the block knows. Blocks from before the Merge have no payload.
 */
import type { Block, Withdrawal } from '#chain/block/frame.ts'
import { type Hex, toHex } from '#kernel/bytes.ts'

export interface EngineCall {
  readonly method: string
  readonly params: readonly unknown[]
}

/** Why a block cannot be given at all; undefined where it can. */
export function whyNoPayload({ header }: Block): string | undefined {
  return header.difficulty === 0n ? undefined : 'blocks from before the Merge have no payload'
}

/** What a payload has and a frame does not. */
export interface OutsideFrame {
  /** type ‖ data each, those without data too; from Prague on (EIP-7685). */
  readonly requests?: readonly Uint8Array[] | undefined
  /** RLP, from Amsterdam on (EIP-7928). */
  readonly accessList?: Uint8Array
}

export function newPayload(block: Block, { requests, accessList }: OutsideFrame): EngineCall {
  const { header } = block
  const payload = payloadOf(block)
  const { parentBeaconBlockRoot } = header
  if (parentBeaconBlockRoot === undefined) return { method: 'engine_newPayloadV2', params: [payload] }
  const params = [payload, versionedHashes(block), toHex(parentBeaconBlockRoot)]
  if (requests === undefined) return { method: 'engine_newPayloadV3', params }
  const withData = requests.filter(({ length }) => length > 1).map((request) => toHex(request))
  if (accessList === undefined) return { method: 'engine_newPayloadV4', params: [...params, withData] }
  const listed = {
    ...payload,
    blockAccessList: toHex(accessList),
    slotNumber: quantity(header.slotNumber ?? 0n),
  }
  return { method: 'engine_newPayloadV5', params: [listed, ...params.slice(1), withData] }
}

function payloadOf({ header, transactions, withdrawals }: Block): Record<string, unknown> {
  const { blobGasUsed, excessBlobGas } = header
  return {
    parentHash: header.parentHash,
    feeRecipient: toHex(header.beneficiary),
    stateRoot: toHex(header.stateRoot),
    receiptsRoot: toHex(header.receiptsRoot),
    logsBloom: toHex(header.logsBloom),
    prevRandao: toHex(header.mixHash),
    blockNumber: quantity(header.number),
    gasLimit: quantity(header.gasLimit),
    gasUsed: quantity(header.gasUsed),
    timestamp: quantity(header.timestamp),
    extraData: toHex(header.extraData),
    baseFeePerGas: quantity(header.baseFeePerGas ?? 0n),
    blockHash: header.hash,
    transactions: transactions.map(({ raw }) => toHex(raw)),
    ...(withdrawals && { withdrawals: withdrawals.map(withdrawalJson) }),
    ...(blobGasUsed !== undefined && { blobGasUsed: quantity(blobGasUsed) }),
    ...(excessBlobGas !== undefined && { excessBlobGas: quantity(excessBlobGas) }),
  }
}

function withdrawalJson({ index, validatorIndex, address, amount }: Withdrawal): Record<string, string> {
  return {
    index: quantity(index),
    validatorIndex: quantity(validatorIndex),
    address: toHex(address),
    amount: quantity(amount),
  }
}

/** EIP-4844: of all blob transactions, in order. */
function versionedHashes({ transactions }: Block): Hex[] {
  return transactions.flatMap((one) =>
    one.type === 3 ? one.blobVersionedHashes.map((hash) => toHex(hash)) : [],
  )
}

function quantity(value: number | bigint): Hex {
  return `0x${value.toString(16)}`
}
