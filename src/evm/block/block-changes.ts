/** The delta of a block from what the EVM says it changed, by the definition in architecture §4. */
import type { Address } from '#chain/block/block-ref.ts'
import { makeDelta } from '#chain/delta/delta-builder.ts'
import type { AccountChange, Delta, SlotChange } from '#chain/delta/delta.ts'
import { isActive, type Rules } from '#chain/fork/rules.ts'
import { ACCOUNT_BYTES, Lookup, type StateView } from '#chain/state-view.ts'
import type { BlockChange, BlockChanges } from '#core/evm-values.ts'
import { bigintFrom } from '#kernel/bytes.ts'

/** @param view the state of the block's parent */
export function deltaFrom(changes: BlockChanges, view: StateView, rules: Rules): Delta {
  const accounts: AccountChange[] = []
  const slots: SlotChange[] = []
  const cleared: Address[] = []
  for (const change of changes.accounts) {
    const { address } = change
    if (change.changed || removesEmpty(change, view)) accounts.push({ address, after: accountAfter(change) })
    // What is wiped without storage to clear had zeros there, so all slots that it lists differ.
    if (clears(change, view, rules)) cleared.push(address)
    for (const { key, value } of change.slots) slots.push({ address, key, value })
  }
  return makeDelta({ accounts, slots, cleared, codes: changes.codes })
}

function accountAfter({ exists, nonce, balance, codeHash }: BlockChange): AccountChange['after'] {
  return exists ? { nonce, balance: bigintFrom(balance), codeHash } : undefined
}

/** An empty account that was there is gone once it is touched (EIP-161); to the EVM it was no more before than after. */
function removesEmpty({ address, wiped, exists }: BlockChange, view: StateView): boolean {
  return wiped && !exists && view.account(address, new Uint8Array(ACCOUNT_BYTES)) === Lookup.found
}

/** From Cancun on only what was created in the same transaction is deleted (EIP-6780), so nothing is cleared. */
function clears({ address, wiped, existed }: BlockChange, view: StateView, rules: Rules): boolean {
  return wiped && existed && !isActive(rules, 'cancun') && (view.hasStorage?.(address) ?? true)
}
