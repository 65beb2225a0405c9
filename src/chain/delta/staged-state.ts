/** A state under changes that are not kept yet: what the steps of a block have made of its parent's state, and their net delta. */
import { bigintFrom, bigintTo, equalBytes, fromHex, toHex } from '#kernel/bytes.ts'
import type { Address, Hash32 } from '#chain/block/block-ref.ts'
import { accountAt, makeDelta, slotAt } from './delta-builder.ts'
import type { AccountChange, Code, Delta, SlotChange } from './delta.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'

type Account = AccountChange['after']

export class StagedState implements StateView {
  readonly #base: StateView
  readonly #accounts = new Map<string, Account>()
  readonly #slots = new Map<string, Map<string, Uint8Array>>()
  /** Whose storage in the base counts no longer. */
  readonly #cleared = new Set<string>()
  readonly #codes = new Map<string, Code>()

  constructor(base: StateView) {
    this.#base = base
  }

  apply(delta: Delta): void {
    for (let at = 0; at < delta.cleared.length; at += 20) {
      const address = toHex(delta.cleared, at, at + 20)
      this.#cleared.add(address)
      this.#slots.set(address, new Map())
    }
    for (let i = 0; i < delta.accounts.count; i++) {
      const { address, after } = accountAt(delta, i)
      this.#accounts.set(toHex(address), after)
    }
    for (let i = 0; i < delta.slots.count; i++) {
      const { address, key, value } = slotAt(delta, i)
      const words = this.#slots.get(toHex(address)) ?? new Map<string, Uint8Array>()
      this.#slots.set(toHex(address), words.set(toHex(key), value))
    }
    for (const code of delta.codes) this.#codes.set(toHex(code.hash), code)
  }

  account(address: Address, out: Uint8Array): Lookup {
    const text = toHex(address)
    if (!this.#accounts.has(text)) return this.#base.account(address, out)
    const account = this.#accounts.get(text)
    if (account === undefined) return Lookup.absent
    out.set(bigintTo(account.nonce, 8), 0)
    out.set(bigintTo(account.balance, 32), 8)
    out.set(account.codeHash, 40)
    return Lookup.found
  }

  slot(address: Address, slot: Hash32, out: Uint8Array): Lookup {
    const text = toHex(address)
    const value = this.#slots.get(text)?.get(toHex(slot))
    if (value === undefined && !this.#cleared.has(text)) return this.#base.slot(address, slot, out)
    if (value === undefined) out.fill(0, 0, 32)
    else out.set(value)
    return value === undefined || isZero(value) ? Lookup.absent : Lookup.found
  }

  hasStorage(address: Address): boolean {
    const text = toHex(address)
    const words = this.#slots.get(text)
    if (words !== undefined && [...words.values()].some((value) => !isZero(value))) return true
    return !this.#cleared.has(text) && (this.#base.hasStorage?.(address) ?? true)
  }

  code(codeHash: Hash32): Uint8Array | undefined {
    return this.#codes.get(toHex(codeHash))?.code ?? this.#base.code(codeHash)
  }

  blockHash(number: number, out: Uint8Array): Lookup {
    return this.#base.blockHash(number, out)
  }

  /** All that differs from the base, as if one step had done it. */
  net(): Delta {
    const accounts: AccountChange[] = []
    const codes: Code[] = []
    for (const [text, after] of this.#accounts) {
      const address = fromHex(text)
      const before = this.#before(address)
      if (sameAccount(before, after)) continue
      accounts.push({ address, after })
      const code = after && this.#codes.get(toHex(after.codeHash))
      if (code !== undefined && (before === undefined || !equalBytes(before.codeHash, code.hash)))
        codes.push(code)
    }
    const cleared = [...this.#cleared]
      .map(fromHex)
      .filter((address) => this.#base.hasStorage?.(address) ?? true)
    return makeDelta({
      accounts,
      slots: this.#netSlots(new Set(cleared.map((a) => toHex(a)))),
      cleared,
      codes,
    })
  }

  #netSlots(cleared: ReadonlySet<string>): SlotChange[] {
    const before = new Uint8Array(32)
    return [...this.#slots].flatMap(([text, words]) => {
      const address = fromHex(text)
      const changes = [...words].map(([key, value]): SlotChange => ({ address, key: fromHex(key), value }))
      if (cleared.has(text)) return changes.filter(({ value }) => !isZero(value))
      return changes.filter(({ key, value }) => {
        this.#base.slot(address, key, before)
        return !equalBytes(before, value)
      })
    })
  }

  #before(address: Address): Account {
    const record = new Uint8Array(ACCOUNT_BYTES)
    if (this.#base.account(address, record) !== Lookup.found) return undefined
    return {
      nonce: bigintFrom(record.subarray(0, 8)),
      balance: bigintFrom(record.subarray(8, 40)),
      codeHash: record.subarray(40, 72),
    }
  }
}

function sameAccount(a: Account, b: Account): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.nonce === b.nonce && a.balance === b.balance && equalBytes(a.codeHash, b.codeHash)
}

function isZero(value: Uint8Array): boolean {
  return value.every((byte) => byte === 0)
}
