/**
 * What the state must be after a block, computed from what its transactions say and from nothing of ours: balances, nonces, and the
 * contract's slots, by plain addition. Only the gas that a transaction used is taken from its receipt.
 */
import { stateRoot } from '#chain/block/roots.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, fromHex, toHex } from '#kernel/bytes.ts'
import { FUNDS_WEI, notebook, NOTEBOOK_CODE, sender, SENDERS } from './genesis.ts'

export interface Model {
  readonly balances: ReadonlyMap<string, bigint>
  readonly nonces: ReadonlyMap<string, number>
  /** Of the contract: slot number → value. */
  readonly slots: ReadonlyMap<number, bigint>
}

/** What one transaction wants. */
export type Wish =
  | { readonly kind: 'transfer'; readonly from: Uint8Array; readonly to: Uint8Array; readonly wei: bigint }
  | { readonly kind: 'note'; readonly from: Uint8Array; readonly slot: number; readonly value: bigint }

export interface BlockFacts {
  readonly wishes: readonly { readonly wish: Wish; readonly gasUsed: bigint }[]
  readonly gasPrice: bigint
  readonly baseFee: bigint
  readonly beneficiary: Uint8Array
  readonly credits: readonly { readonly address: Uint8Array; readonly wei: bigint }[]
}

export function firstModel(): Model {
  return {
    balances: new Map(Array.from({ length: SENDERS }, (_, i) => [toHex(sender(i)), FUNDS_WEI])),
    nonces: new Map(),
    slots: new Map(),
  }
}

export function nextModel(before: Model, facts: BlockFacts): Model {
  const balances = new Map(before.balances)
  const nonces = new Map(before.nonces)
  const slots = new Map(before.slots)
  const add = (address: Uint8Array, wei: bigint): void => {
    const key = toHex(address)
    if (wei !== 0n) balances.set(key, (balances.get(key) ?? 0n) + wei)
  }
  for (const { wish, gasUsed } of facts.wishes) {
    const from = toHex(wish.from)
    nonces.set(from, (nonces.get(from) ?? 0) + 1)
    add(wish.from, -gasUsed * facts.gasPrice)
    add(facts.beneficiary, gasUsed * (facts.gasPrice - facts.baseFee))
    if (wish.kind === 'transfer') {
      add(wish.from, -wish.wei)
      add(wish.to, wish.wei)
    } else slots.set(wish.slot, wish.value)
  }
  for (const { address, wei } of facts.credits) add(address, wei)
  return { balances, nonces, slots }
}

/** The root of the model's state, made anew from all of it. */
export function rootOf({ balances, nonces, slots }: Model): Uint8Array {
  const plain = [...balances].map(([address, balance]) => ({
    address: fromHex(address),
    after: { nonce: BigInt(nonces.get(address) ?? 0), balance, codeHash: fromHex(EMPTY_CODE_HASH) },
  }))
  const contract = {
    address: notebook,
    after: { nonce: 0n, balance: 0n, codeHash: keccak256(NOTEBOOK_CODE) },
  }
  return stateRoot(
    [...plain, contract],
    [...slots].map(([slot, value]) => ({ address: notebook, key: slotOf(slot), value: bigintTo(value, 32) })),
  )
}

export function slotOf(n: number): Uint8Array {
  const slot = new Uint8Array(32)
  slot[31] = n
  return slot
}
