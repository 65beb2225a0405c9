/** Executes a geth's blocks on a store of its own, with a state trie: every field of each header is recomputed or the block is refused. */
import assert from 'node:assert/strict'
import { blockFromRlp } from '#chain/block/block-rlp.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import type { Header } from '#chain/header/header.ts'
import { headerDifference } from '#chain/header/header-rules.ts'
import { decodeRlp } from '#chain/codec/rlp.ts'
import { recoverSender } from '#chain/transaction/sender.ts'
import { blockDifference, executionDifference } from '#chain/block/verify-block.ts'
import { executeBlock } from '#evm/block/execute-block.ts'
import { fromHex, type Hex } from '#kernel/bytes.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { openStore } from '#state/open-store.ts'
import type { StateProofs } from '#state/trie/proofs.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import '#test/support/core.ts'

export interface Prover {
  /** @throws an assertion that names the block and the field */
  prove(rlp: Hex): Header
  /** Of the state after the last block. The caller is done with it when `read` returns. */
  proofs<T>(read: (proofs: StateProofs) => T): T
  gasUsed(): bigint
}

export function createProver(genesisText: string): Prover {
  const genesis = parseGenesis(genesisText)
  const store = openStore(memoryKeyValue(), { compress: createZstd(), trie: true })
  store.initialise(
    {
      cluster: 'prover',
      chainId: genesis.config.chainId,
      genesisHash: genesis.header.hash,
      generation: 1,
      feed: 'none',
    },
    genesis,
  )
  let parent = genesis.header
  let gasUsed = 0n
  return {
    prove(rlp) {
      const read = blockFromRlp(decodeRlp(fromHex(rlp)))
      const { header } = read
      const what = `block ${header.number}`
      const rules = genesis.config.rulesAt(header.number, header.timestamp)
      assert.equal(headerDifference(header, parent, rules), undefined, what)
      const block = {
        ...read,
        senders: read.transactions.map((t) => recoverSender(t) ?? assert.fail('a sender')),
      }
      assert.equal(blockDifference(block), undefined, what)
      const snapshot = store.snapshot()
      const executed = executeBlock(block, rules, snapshot.stateAt(parent.number), snapshot.trieRows())
      snapshot.release()
      if (executed.kind === 'refused') assert.fail(`${what}: ${executed.reason}`)
      const { receipts, delta, deltaHash } = executed
      assert.equal(executionDifference(block, executed), undefined, what)
      const frame: Frame = {
        block,
        receipts,
        delta,
        deltaHash,
        senders: 'recovered',
        source: 'file',
        level: 'root',
      }
      store.commit((writer) => {
        writer.apply(frame)
        writer.setMarks({ safe: refOf(header), finalized: refOf(header), verified: refOf(header) })
        writer.pruneHistory(Math.max(0, header.number - 64), 100_000)
      })
      parent = header
      gasUsed += header.gasUsed
      return header
    },
    proofs(read) {
      const snapshot = store.snapshot()
      const proofs = snapshot.proofsAt(parent.number) ?? assert.fail('the store keeps a trie')
      try {
        return read(proofs)
      } finally {
        snapshot.release()
      }
    },
    gasUsed: () => gasUsed,
  }
}
