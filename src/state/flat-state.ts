/**
 * State at one block. The tables hold the latest value of each key; history holds, under each block that changed a key, the value that
 * was there before. So the value at block B is that of the first history entry above B, and where there is none, the latest.
 */
import type { Address, Hash32 } from '#chain/block-ref.ts'
import { Lookup, type StateView } from '#chain/state-view.ts'
import { assert } from '#kernel/assert.ts'
import { concatBytes, equalBytes } from '#kernel/bytes.ts'
import type { ReadTx } from '#ports/key-value.ts'
import { readBlockHash } from './chain-rows.ts'
import { putU32 } from './codec/bytes.ts'
import { getParts } from './parts.ts'
import { ACCOUNT_KEY_BYTES, decodeAccount, decodeSlot, stretchOf, SLOT_KEY_BYTES, Tag } from './rows.ts'

/** The state after block `number`, where `head` is the last block of the tables. */
export function flatState(tx: Pick<ReadTx, 'get' | 'seek'>, number: number, head: number): StateView {
  return new FlatState(tx, number, head)
}

class FlatState implements StateView {
  readonly #tx: Pick<ReadTx, 'get' | 'seek'>
  readonly #number: number
  readonly #head: number
  readonly #account = makeProbe(ACCOUNT_KEY_BYTES, Tag.account)
  readonly #slot = makeProbe(SLOT_KEY_BYTES, Tag.slot)

  constructor(tx: Pick<ReadTx, 'get' | 'seek'>, number: number, head: number) {
    this.#tx = tx
    this.#number = number
    this.#head = head
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
    assert(this.#number === this.#head, 'whether an account has storage is known at the head')
    const first = concatBytes(address, new Uint8Array(32))
    const row = this.#tx.seek('storage', first)
    return row !== undefined && equalBytes(row.key.subarray(0, address.length), address)
  }

  code(codeHash: Hash32): Uint8Array | undefined {
    return getParts(this.#tx, 'code', codeHash)
  }

  blockHash(number: number, out: Uint8Array): Lookup {
    const hash = number > this.#number ? undefined : readBlockHash(this.#tx, number)
    if (hash === undefined) return Lookup.absent
    out.set(hash)
    return Lookup.found
  }

  #read(table: 'accounts' | 'storage', probe: Probe): Uint8Array | undefined {
    if (this.#number < this.#head) {
      const before = this.#readHistory(probe)
      if (before !== undefined) return before
    }
    return this.#tx.get(table, probe.key)
  }

  #readHistory(probe: Probe): Uint8Array | undefined {
    const first = this.#number + 1
    putU32(probe.history, probe.history.length - 4, first)
    for (let stretch = stretchOf(first); stretch <= stretchOf(this.#head); stretch++) {
      putU32(probe.history, 0, stretch)
      const row = this.#tx.seek('history', probe.history)
      if (row === undefined) return undefined
      if (isOfKey(row.key, probe.history)) return row.value
    }
    return undefined
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

/** The same stretch and key, whatever the block. */
function isOfKey(found: Uint8Array, probe: Uint8Array): boolean {
  if (found.length !== probe.length) return false
  for (let i = 0; i < probe.length - 4; i++) if (found[i] !== probe[i]) return false
  return true
}
