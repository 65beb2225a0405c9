/**
 * A block that will never be undone, as the rows that it leaves in a store: made without one, by whoever has time for it, so that the
 * store's only writer just writes. All of it is plain data that can be handed from thread to thread.
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { type Frame, type Level, refOf } from '#chain/block/frame.ts'
import type { Compress } from '#ports/compress.ts'
import { putBlock } from './chain-rows.ts'
import { accountRow, fillAddress, fillSlotKey, slotRow } from './delta-columns.ts'
import { RowPacker, ValuePacker } from './packed-rows.ts'
import { insertParts } from '#state/parts.ts'

export interface BlockRows {
  readonly block: BlockRef
  readonly parent: BlockHash
  readonly level: Level
  /** Of its header. */
  readonly stateRoot: Uint8Array
  /** Of the chain's tables and of `code`: packed rows, and how many. */
  readonly chain: Uint8Array
  readonly chainCount: number
  /** Packed latest values, by address and by address and slot. */
  readonly accounts: Uint8Array
  readonly slots: Uint8Array
  /** n × 20: their slots from before are gone. */
  readonly cleared: Uint8Array
}

export const ACCOUNT_KEY = 20
export const SLOT_KEY = 52

/** Of all blocks, one after the other: arrays of their own would be as much garbage as there are rows. */
const chain = new RowPacker()
const values = new ValuePacker()

export function blockRows(frame: Frame, compress: Compress): BlockRows {
  const { header } = frame.block
  chain.clear() // some frame may have thrown
  putBlock(chain, frame, compress)
  for (const { hash, code } of frame.delta.codes) insertParts(chain, 'code', hash, code)
  return {
    block: refOf(header),
    parent: header.parentHash,
    level: frame.level,
    stateRoot: header.stateRoot.slice(),
    chain: chain.done(),
    chainCount: chain.count(),
    accounts: packAccounts(frame),
    slots: packSlots(frame),
    cleared: frame.delta.cleared.slice(),
  }
}

/** Bytes of all of it, about. */
export function bytesOfRows({ chain, accounts, slots, cleared }: BlockRows): number {
  return chain.length + accounts.length + slots.length + cleared.length
}

/** The arrays that may change hands, each alone in its buffer. */
export function buffersOfRows({ chain, accounts, slots, cleared }: BlockRows): ArrayBuffer[] {
  return [chain, accounts, slots, cleared].map(({ buffer }) => buffer as ArrayBuffer)
}

function packAccounts({ delta: { accounts } }: Frame): Uint8Array {
  values.clear()
  const address = new Uint8Array(ACCOUNT_KEY)
  for (let i = 0; i < accounts.count; i++) {
    fillAddress(address, accounts, i)
    values.add(address, accountRow(accounts, i))
  }
  return values.done()
}

function packSlots({ delta: { slots } }: Frame): Uint8Array {
  values.clear()
  const key = new Uint8Array(SLOT_KEY)
  for (let i = 0; i < slots.count; i++) {
    fillSlotKey(key, slots, i)
    values.add(key, slotRow(slots, i))
  }
  return values.done()
}
