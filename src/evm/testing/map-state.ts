/** A whole state in memory, for tests and small tools: changed by deltas, read as a view. */
import type { Address, Hash32 } from '#chain/block/block-ref.ts'
import { accountAt, slotAt } from '#chain/delta/delta-builder.ts'
import type { AccountChange, Delta, SlotChange } from '#chain/delta/delta.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { Lookup, type StateView } from '#chain/state-view.ts'
import { bigintTo, fromHex, toHex } from '#kernel/bytes.ts'

type Account = Exclude<AccountChange['after'], undefined>

export class MapState implements StateView {
  readonly accounts = new Map<string, Account>()
  readonly slots = new Map<string, Map<string, Uint8Array>>()
  readonly codes = new Map<string, Uint8Array>()
  readonly hashes = new Map<number, string>()

  static fromGenesis(genesis: Genesis): MapState {
    const state = new MapState()
    for (const { address, after } of genesis.accounts) if (after) state.accounts.set(toHex(address), after)
    for (const slot of genesis.slots) state.#put(slot)
    for (const { hash, code } of genesis.codes) state.codes.set(toHex(hash), code)
    state.hashes.set(0, genesis.header.hash)
    return state
  }

  applyDelta(delta: Delta): void {
    for (let i = 0; i < delta.cleared.length; i += 20) this.slots.delete(toHex(delta.cleared, i, i + 20))
    for (let i = 0; i < delta.accounts.count; i++) {
      const { address, after } = accountAt(delta, i)
      if (after === undefined) this.accounts.delete(toHex(address))
      else this.accounts.set(toHex(address), { ...after, codeHash: Uint8Array.from(after.codeHash) })
    }
    for (let i = 0; i < delta.slots.count; i++) this.#put(slotAt(delta, i))
    for (const { hash, code } of delta.codes) this.codes.set(toHex(hash), code)
  }

  /** The state as changes from nothing: for its root. */
  contents(): { accounts: AccountChange[]; slots: SlotChange[] } {
    return {
      accounts: [...this.accounts].map(([address, after]) => ({ address: fromHex(address), after })),
      slots: [...this.slots].flatMap(([address, words]) =>
        [...words].map(([key, value]) => ({ address: fromHex(address), key: fromHex(key), value })),
      ),
    }
  }

  account(address: Address, out: Uint8Array): Lookup {
    const found = this.accounts.get(toHex(address))
    if (found === undefined) return Lookup.absent
    out.set(bigintTo(found.nonce, 8), 0)
    out.set(bigintTo(found.balance, 32), 8)
    out.set(found.codeHash, 40)
    return Lookup.found
  }
  slot(address: Address, slot: Hash32, out: Uint8Array): Lookup {
    const found = this.slots.get(toHex(address))?.get(toHex(slot))
    if (found === undefined) out.fill(0, 0, 32)
    else out.set(found)
    return found === undefined ? Lookup.absent : Lookup.found
  }
  hasStorage(address: Address): boolean {
    return (this.slots.get(toHex(address))?.size ?? 0) > 0
  }
  code(codeHash: Hash32): Uint8Array | undefined {
    return this.codes.get(toHex(codeHash))
  }
  blockHash(number: number, out: Uint8Array): Lookup {
    const hash = this.hashes.get(number)
    if (hash === undefined) out.fill(0, 0, 32)
    else out.set(fromHex(hash))
    return hash === undefined ? Lookup.absent : Lookup.found
  }

  #put({ address, key, value }: SlotChange): void {
    const words = this.slots.get(toHex(address)) ?? new Map<string, Uint8Array>()
    if (value.some((byte) => byte !== 0)) words.set(toHex(key), Uint8Array.from(value))
    else words.delete(toHex(key))
    this.slots.set(toHex(address), words)
  }
}
