/**
 * P2, proven: where a store keeps a state trie, its root after every commit, at every block that is kept and beside the chain is the one that
 * the block's header commits to, which the builder made anew from the model's whole state; and proofs lead from there to the model's values.
 */
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import { decodeRlp, encodeRlp, type RlpItem } from '#chain/codec/rlp.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'
import { readLeaf } from '#chain/trie/testing/read-proof.ts'
import { keccak256 } from '#core/keccak.ts'
import { assert } from '#kernel/assert.ts'
import { bigintTo, equalBytes, fromHex, toHex, trimZeros } from '#kernel/bytes.ts'
import { messageOf } from '#kernel/fault.ts'
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import { notebook, sender, SENDERS } from '#sim/client/genesis.ts'
import { slotOf } from '#sim/client/model.ts'
import { stored } from '#sim/storage/stored.ts'
import type { Question } from '#sim/user/exchange.ts'
import { openStore } from '#state/open-store.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Checker, CheckerParts } from './checker.ts'
import { placed } from './exact.ts'

const SLOTS_MAX = 6

export function createProvenChecker({ world, consensus, cluster }: CheckerParts): Checker {
  const wrong = (what: string): void => world.violate('P2', what)
  return {
    committed(replica, snapshot) {
      const { head } = snapshot.heads
      const root = snapshot.proofsAt(head.number)?.stateRoot()
      const block = consensus.block(head.hash)
      if (root !== undefined && block !== undefined && !equalBytes(root, block.header.stateRoot))
        wrong(`the trie of ${replica} at block ${head.number} has root ${toHex(root)}`)
    },
    answered({ exchange, items, block }) {
      for (const [i, question] of exchange.questions.entries()) {
        const item = items[i]
        if (question.kind !== 'proof' || item === undefined || 'error' in item) continue
        const { place } = question
        const at = typeof place === 'object' ? consensus.block(place.hash) : placed(place, block)
        const difference =
          at === undefined ? undefined : failureOf(() => answerDifference(question, item.result as Proof, at))
        if (difference !== undefined)
          wrong(`${exchange.user} was given a proof at block ${at?.number}: ${difference}`)
      }
    },
    ended() {
      for (const { process, disk, trie } of cluster.replicas) {
        if (!trie) continue
        const snapshot = openStore(disk.kv, { compress: stored }).snapshot()
        const difference = historyDifference(snapshot, consensus.canonical().head)
        snapshot.release()
        if (difference !== undefined) wrong(`${process.name}: ${difference}`)
      }
    },
  }
}

/** Every block whose state is kept. */
function historyDifference(snapshot: Snapshot, head: BuiltBlock): string | undefined {
  for (
    let at: BuiltBlock | undefined = head;
    at !== undefined && at.number >= snapshot.historyFrom;
    at = at.parent
  ) {
    const block = at
    const difference = failureOf(() => stateDifference(snapshot, block))
    if (difference !== undefined) return `at block ${at.number}: ${difference}`
  }
  return undefined
}

function stateDifference(snapshot: Snapshot, block: BuiltBlock): string | undefined {
  const proofs = snapshot.proofsAt(block.number)
  if (proofs === undefined) return 'there is no trie'
  const { stateRoot } = block.header
  if (!equalBytes(proofs.stateRoot(), stateRoot)) return `the root is ${toHex(proofs.stateRoot())}`
  for (let i = 0; i < SENDERS; i++) {
    const who = sender(i)
    const difference = accountDifference(stateRoot, who, proofs.account(who), block)
    if (difference !== undefined) return difference
  }
  const storageRoot = storageRootIn(readLeaf(stateRoot, keccak256(notebook), proofs.account(notebook)))
  for (let slot = 1; slot <= SLOTS_MAX; slot++) {
    const difference = slotDifference(storageRoot, slot, proofs.slot(notebook, slotOf(slot)), block)
    if (difference !== undefined) return difference
  }
  return undefined
}

/** As eth_getProof answers. */
interface Proof {
  readonly accountProof: readonly string[]
  readonly storageHash: string
  readonly storageProof: readonly { readonly proof: readonly string[] }[]
}

function answerDifference(
  { address, slot }: Extract<Question, { kind: 'proof' }>,
  { accountProof, storageHash, storageProof }: Proof,
  block: BuiltBlock,
): string | undefined {
  const { stateRoot } = block.header
  const nodes = accountProof.map((node) => fromHex(node))
  if (slot === undefined) return accountDifference(stateRoot, fromHex(address), nodes, block)
  const storageRoot = storageRootIn(readLeaf(stateRoot, keccak256(fromHex(address)), nodes))
  if (toHex(storageRoot) !== storageHash) return `storageHash is ${storageHash}`
  const proof = (storageProof[0]?.proof ?? []).map((node) => fromHex(node))
  return slotDifference(storageRoot, slot, proof, block)
}

function accountDifference(
  root: Uint8Array,
  who: Uint8Array,
  proof: readonly Uint8Array[],
  { model }: BuiltBlock,
): string | undefined {
  const leaf = readLeaf(root, keccak256(who), proof)
  const address = toHex(who)
  if (leaf === undefined) return `it proves that there is no account ${address}`
  const [nonce, balance] = decodeRlp(leaf) as readonly RlpItem[]
  const wanted = [rlpOf(model.nonces.get(address) ?? 0), rlpOf(model.balances.get(address) ?? 0n)]
  return equalBytes(encodeRlp([nonce as RlpItem, balance as RlpItem]), encodeRlp(wanted))
    ? undefined
    : `it proves another nonce or balance of ${address}`
}

function slotDifference(
  root: Uint8Array,
  slot: number,
  proof: readonly Uint8Array[],
  { model }: BuiltBlock,
): string | undefined {
  const wanted = trimZeros(bigintTo(model.slots.get(slot) ?? 0n, 32))
  const isEmpty = proof.length === 0 && toHex(root) === EMPTY_TRIE_ROOT
  const leaf = isEmpty ? undefined : readLeaf(root, keccak256(slotOf(slot)), proof)
  if (leaf === undefined) return wanted.length === 0 ? undefined : `it proves that slot ${slot} is empty`
  return equalBytes(leaf, encodeRlp(wanted)) ? undefined : `it proves another value of slot ${slot}`
}

function storageRootIn(leaf: Uint8Array | undefined): Uint8Array {
  assert(leaf !== undefined, 'the contract is there at every block')
  return (decodeRlp(leaf) as readonly Uint8Array[])[2] as Uint8Array
}

/** A proof that does not lead from root to leaf is one difference more. */
function failureOf(check: () => string | undefined): string | undefined {
  try {
    return check()
  } catch (thrown) {
    return messageOf(thrown)
  }
}
