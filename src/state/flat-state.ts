/**
 * State at one block. The tables hold the latest value of each key; history holds, under each block that changed a key, the value that
 * was there before. So the value at block B is that of the first history entry above B, and where there is none, the latest.
 */
import type { Address, Hash32 } from '#chain/block/block-ref.ts'
import { Lookup, type StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, equalBytes } from '#kernel/bytes.ts'
import type { ReadTx } from '#ports/storage/key-value.ts'
import { readBlockHash } from './rows/chain-rows.ts'
import { getParts } from './parts.ts'
import { ACCOUNT_KEY_BYTES, decodeAccount, decodeSlot, SLOT_KEY_BYTES, Tag } from './rows/rows.ts'
import { NOT_WIDENED, valueBefore, type Widening } from './bulk/stretches.ts'

/** The state after block `number`, where `head` is the last block of the tables. */
export function flatState(
  tx: Pick<ReadTx, 'get' | 'seek'>,
  number: number,
  { head, widening }: { readonly head: number; readonly widening: Widening },
): StateView {
  return new FlatState(tx, { number, head, widening })
}

/** The state that the tables hold, after block `head`. */
export function latestState(tx: Pick<ReadTx, 'get' | 'seek'>, head: number): StateView {
  return flatState(tx, head, { head, widening: NOT_WIDENED })
}

interface Place {
  readonly number: number
  readonly head: number
  readonly widening: Widening
}

class FlatState implements StateView {
  readonly #tx: Pick<ReadTx, 'get' | 'seek'>
  readonly #place: Place
  readonly #account = makeProbe(ACCOUNT_KEY_BYTES, Tag.account)
  readonly #slot = makeProbe(SLOT_KEY_BYTES, Tag.slot)

  constructor(tx: Pick<ReadTx, 'get' | 'seek'>, place: Place) {
    this.#tx = tx
    this.#place = place
  }

  account(address: Address, out: Uint8Array): Lookup {
    this.#account.key.set(address)
    const row = this.#read('accounts', this.#account)
    if (row === undefined || row.length === 0) return Lookup.absent
    decodeAccount(row, out)
    return Lookup.found
  }

  slot(address: Address, slot: Hash32, out: Uint8Array): Lookup {
    this.#slot.key.set(address)
    this.#slot.key.set(slot, 20)
    const row = this.#read('storage', this.#slot)
    if (row === undefined || row.length === 0) {
      out.fill(0, 0, 32)
      return Lookup.absent
    }
    decodeSlot(row, out)
    return Lookup.found
  }

  /** Of the latest state alone: blocks are executed on nothing else. */
  hasStorage(address: Address): boolean {
    assert(this.#place.number === this.#place.head, 'whether an account has storage is known at the head')
    const first = concatBytes(address, new Uint8Array(32))
    const row = this.#tx.seek('storage', first)
    return row !== undefined && equalBytes(row.key.subarray(0, address.length), address)
  }

  code(codeHash: Hash32): Uint8Array | undefined {
    return getParts(this.#tx, 'code', codeHash)
  }

  blockHash(number: number, out: Uint8Array): Lookup {
    const hash = number > this.#place.number ? undefined : readBlockHash(this.#tx, number)
    if (hash === undefined) return Lookup.absent
    out.set(hash)
    return Lookup.found
  }

  #read(table: 'accounts' | 'storage', probe: Probe): Uint8Array | undefined {
    if (this.#place.number < this.#place.head) {
      const before = valueBefore(this.#tx, 'history', probe.history, this.#place)
      if (before !== undefined) return before
    }
    return this.#tx.get(table, probe.key)
  }
}

/** A history key that is filled in for each read, and the part of it that is the key of the latest value. */
interface Probe {
  readonly history: Uint8Array
  readonly key: Uint8Array
}

function makeProbe(taggedBytes: number, tag: number): Probe {
  const history = new Uint8Array(8 + taggedBytes)
  history[4] = tag
  return { history, key: history.subarray(5, 4 + taggedBytes) }
}
