/** eth_getProof (EIP-1186), in geth's form: of an account and some of its slots, at any block within the horizon. */
import { ACCOUNT_BYTES, Lookup } from '#chain/state-view.ts'
import { EMPTY_TRIE_ROOT } from '#chain/trie/trie-root.ts'
import { type Hex, toHex } from '#kernel/bytes.ts'
import { type Json, quantityOfBytes } from '#rpc/encode/encode.ts'
import { CODE, failed } from '#rpc/errors.ts'
import {
  address,
  type BlockPlace,
  blockPlace,
  LATEST,
  optional,
  proofKeys,
  readParams,
  required,
  strings,
} from '#rpc/decode/params.ts'
import type { StateProofs } from '#state/trie/proofs.ts'
import { type AnswerContext, ForwardWanted, stateAt, TooHeavy } from '#roles/replica/answer/answer-context.ts'
import type { Handlers } from '#roles/replica/answer/handler.ts'

const NONE = toHex(new Uint8Array(32))

export const proofMethods = {
  eth_getProof: (params, context) => {
    const [who, texts, where] = readParams(
      params,
      required(address),
      required(strings),
      optional<BlockPlace>(blockPlace, LATEST),
    )
    const keys = proofKeys(texts)
    const { view, header } = stateAt(context, where)
    const proofs = context.snapshot.proofsAt(header.number)
    if (proofs === undefined) throw noTrie()
    const record = new Uint8Array(ACCOUNT_BYTES)
    const exists = view.account(who, record) === Lookup.found
    const storageHash = exists ? toHex(proofs.storageRoot(who)) : NONE
    const value = new Uint8Array(32)
    const storageProof = keys.map(({ key, text }): Json => {
      beInTime(context)
      view.slot(who, key, value)
      return {
        key: text,
        value: quantityOfBytes(value, 0, 32),
        proof: storageHash === NONE || storageHash === EMPTY_TRIE_ROOT ? [] : nodes(proofs.slot(who, key)),
      }
    })
    return {
      address: toHex(who),
      accountProof: nodesOrNull(proofs, who),
      balance: quantityOfBytes(record, 8, 40),
      codeHash: exists ? toHex(record, 40, 72) : NONE,
      nonce: quantityOfBytes(record, 0, 8),
      storageHash,
      storageProof,
    }
  },
} satisfies Handlers

/** geth has no list where the state is empty. */
function nodesOrNull(proofs: StateProofs, who: Uint8Array): Json {
  const found = proofs.account(who)
  return found.length === 0 ? null : nodes(found)
}

function nodes(proof: readonly Uint8Array[]): Hex[] {
  return proof.map((node) => toHex(node))
}

/** Many slots of an old block are work for a compute thread. */
function beInTime({ spent, expired, timeMaxMs }: AnswerContext): void {
  if (spent?.() === true) throw new TooHeavy('it needs more time than an answer thread gives')
  if (expired()) throw failed('server', `execution aborted (timeout = ${timeMaxMs / 1_000}s)`)
}

function noTrie(): ForwardWanted {
  const message = 'this replica keeps no state trie (--trie), and only that has proofs'
  return new ForwardWanted({ error: { code: CODE.server, message } })
}
