/** A replica's answerer over the chain of the recorded suite, executed block by block into a store in memory. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blockFromRlp } from '#chain/block/block-rlp.ts'
import { type Frame, refOf } from '#chain/block/frame.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { decodeRlpAt } from '#chain/codec/rlp.ts'
import { recoverSender } from '#chain/transaction/sender.ts'
import { executeBlock } from '#evm/block/execute-block.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { type Answerer, createAnswerer } from '#roles/replica/answer/answerer.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { openStore } from '#state/open-store.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import '#test/support/core.ts'
import { SHARED } from '#test/support/needs.ts'

export const SUITE = join(SHARED, 'conformance', 'execution-apis')

export function suiteAnswerer(): Answerer {
  const genesis = parseGenesis(readFileSync(join(SUITE, 'genesis.json'), 'utf8'))
  const store = openStore(memoryKeyValue(), { compress: createZstd(), trie: true })
  const feed = 'suite'
  store.initialise(
    {
      cluster: 'suite',
      chainId: genesis.config.chainId,
      genesisHash: genesis.header.hash,
      generation: 1,
      feed,
    },
    genesis,
  )
  const file = readFileSync(join(SUITE, 'chain.rlp'))
  let head = refOf(genesis.header)
  for (let at = 0; at < file.length; ) {
    const { item, end } = decodeRlpAt(file, at)
    at = end
    const read = blockFromRlp(item)
    const block = {
      ...read,
      senders: read.transactions.map((transaction) => recoverSender(transaction) ?? assert.fail('a sender')),
    }
    const snapshot = store.snapshot()
    const executed = executeBlock(
      block,
      genesis.config.rulesAt(block.header.number, block.header.timestamp),
      snapshot.stateAt(head.number),
      snapshot.trieRows(),
    )
    snapshot.release()
    if (executed.kind === 'refused') assert.fail(executed.reason)
    const { receipts, delta, deltaHash } = executed
    const frame: Frame = {
      block,
      receipts,
      delta,
      deltaHash,
      senders: 'recovered',
      source: 'file',
      level: 'receipts',
    }
    head = refOf(block.header)
    store.commit((writer) => {
      writer.apply(frame)
      writer.setMarks({ safe: head, finalized: head, verified: head })
    })
  }
  const board = createBoard(new SharedArrayBuffer(BOARD_BYTES))
  board.setReady()
  board.announce(head.number)
  return createAnswerer(
    {
      clientVersion: 'drover/test',
      serve: 'eager',
      callGasMax: 50_000_000,
      callTimeMaxMs: 60_000,
      cacheBytes: 1_000_000,
    },
    {
      store,
      board,
      config: genesis.config,
      clock: createClock(),
      log: silent,
      meter: createMeterRegistry(),
      onceMoved: () => {},
    },
  )
}
