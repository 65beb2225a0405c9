/** Whole states of a few accounts and slots, and chains between them whose deltas and roots are what they should be: for tests of the trie. */
import fc from 'fast-check'
import type { AccountChange, SlotChange } from '#chain/delta/delta.ts'
import { stateRoot } from '#chain/block/roots.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { bigintTo, fromHex } from '#kernel/bytes.ts'
import { createChainBuilder, type ChainBuilder, makeAddress } from '#state/testing/frame-builder.ts'

export const ADDRESSES = Array.from({ length: 24 }, (_, i) => makeAddress(i + 1))
export const SLOTS = Array.from({ length: 24 }, (_, i) => bigintTo(BigInt(i), 32))
/** Before an epoch's end, so that a run crosses it. */
export const FIRST = 120

/** A whole state: balances by account, and of those the slots. */
export type World = ReadonlyMap<
  number,
  { readonly balance: bigint; readonly slots: ReadonlyMap<number, bigint> }
>

export interface Edit {
  readonly who: number
  /** 0 removes the account with all that it stores. */
  readonly balance: number
  readonly slots: readonly (readonly [slot: number, value: number])[]
}
export const edit: fc.Arbitrary<Edit> = fc.record({
  who: fc.nat(ADDRESSES.length - 1),
  balance: fc.nat(3),
  slots: fc.array(fc.tuple(fc.nat(SLOTS.length - 1), fc.nat(2)), { maxLength: 12 }),
})
export function after(world: World, edits: readonly Edit[]): World {
  const next = new Map(world)
  for (const { who, balance, slots } of edits) {
    next.delete(who)
    if (balance === 0) continue
    const words = new Map(world.get(who)?.slots)
    for (const [slot, value] of slots) {
      if (value === 0) words.delete(slot)
      else words.set(slot, BigInt(value))
    }
    next.set(who, { balance: BigInt(balance), slots: words })
  }
  return next
}

export function contents(world: World): { accounts: AccountChange[]; slots: SlotChange[] } {
  const accounts: AccountChange[] = []
  const slots: SlotChange[] = []
  for (const [who, { balance, slots: words }] of world) {
    const address = ADDRESSES[who] as Uint8Array
    accounts.push({ address, after: { nonce: 1n, balance, codeHash: fromHex(EMPTY_CODE_HASH) } })
    for (const [slot, value] of words)
      slots.push({ address, key: SLOTS[slot] as Uint8Array, value: bigintTo(value, 32) })
  }
  return { accounts, slots }
}

export const rootOf = (world: World): Uint8Array => {
  const { accounts, slots } = contents(world)
  return stateRoot(accounts, slots)
}

/** The canonical delta, `cleared` in it. */
export function difference(before: World, next: World) {
  const accounts: AccountChange[] = []
  const slots: SlotChange[] = []
  const cleared: Uint8Array[] = []
  ADDRESSES.forEach((address, who) => {
    const [was, is] = [before.get(who), next.get(who)]
    if (was?.balance !== is?.balance)
      accounts.push({
        address,
        after: is && { nonce: 1n, balance: is.balance, codeHash: fromHex(EMPTY_CODE_HASH) },
      })
    if (is === undefined) {
      if (was !== undefined && was.slots.size > 0) cleared.push(address)
      return
    }
    SLOTS.forEach((key, slot) => {
      const [old, value] = [was?.slots.get(slot) ?? 0n, is.slots.get(slot) ?? 0n]
      if (old !== value) slots.push({ address, key, value: bigintTo(value, 32) })
    })
  })
  return { accounts, slots, cleared }
}

export const genesisWorld: World = after(
  new Map(),
  ADDRESSES.slice(0, 9).map((_, who) => ({
    who,
    balance: 5,
    slots: SLOTS.slice(0, who).map((_slot, i) => [i, 7] as const),
  })),
)

/** Begins with {@link genesisWorld}. */
export function worldBuilder(): ChainBuilder {
  return createChainBuilder({ ...contents(genesisWorld), number: FIRST, stateRoot: rootOf(genesisWorld) })
}
