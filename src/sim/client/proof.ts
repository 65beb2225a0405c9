/** What a client with every old state says to eth_getProof: tries made anew from a block's whole state. */
import { makeDelta } from '#chain/delta/delta-builder.ts'
import { NO_ROWS, stagedRows, updateStateTrie } from '#chain/trie/state-trie.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'
import { proofsOf } from '#state/trie/proofs.ts'
import type { BuiltBlock } from './block-builder.ts'

/** JSON text of what users of the simulation read in it. `slots` are 32 bytes in hex. */
export function proofText(address: string, slots: readonly string[], { state }: BuiltBlock): string {
  const rows = stagedRows(NO_ROWS)
  updateStateTrie(rows, makeDelta({ ...state.contents(), cleared: [], codes: [] }), state)
  const proofs = proofsOf(rows, state)
  const who = fromHex(address)
  return JSON.stringify({
    address,
    accountProof: proofs.account(who).map((node) => toHex(node)),
    storageHash: toHex(proofs.storageRoot(who)),
    storageProof: slots.map((key) => ({
      key,
      proof: proofs.slot(who, fromHex(key)).map((node) => toHex(node)),
    })),
  })
}
