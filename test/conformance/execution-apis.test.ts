/** The recorded exchanges of execution-apis, for the methods that a replica answers, on a store built by executing the suite's own chain. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { blockFromRlp } from '#chain/block-rlp.ts'
import { type Frame, refOf } from '#chain/frame.ts'
import { parseGenesis } from '#chain/genesis-file.ts'
import { decodeRlpAt } from '#chain/rlp.ts'
import { recoverSender } from '#chain/sender.ts'
import { executeAnyBlock } from '#evm/execute-block.ts'
import { utf8 } from '#kernel/bytes.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter-registry.ts'
import { createAnswerer } from '#roles/replica/answerer.ts'
import { BOARD_BYTES, createBoard } from '#roles/replica/board.ts'
import { createMethods } from '#roles/replica/methods.ts'
import { openStore } from '#state/open-store.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import '#test/support/core.ts'
import { needs, SHARED } from '#test/support/needs.ts'

const dir = join(SHARED, 'conformance', 'execution-apis')

/** Receipts before Byzantium hold a state root each, which this release does not compute. */
const LATER = new Set([
  'eth_getBlockReceipts/get-block-receipts-by-hash.io',
  'eth_getBlockReceipts/get-block-receipts-n.io',
  'eth_getTransactionReceipt/get-legacy-contract.io',
  'eth_getTransactionReceipt/get-legacy-receipt.io',
])

function answerer() {
  const genesis = parseGenesis(readFileSync(join(dir, 'genesis.json'), 'utf8'))
  const store = openStore(memoryKeyValue(), { compress: createZstd() })
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
  const file = readFileSync(join(dir, 'chain.rlp'))
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
    const executed = executeAnyBlock(
      block,
      genesis.config.rulesAt(block.header.number, block.header.timestamp),
      snapshot.stateAt(head.number),
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
    { clientVersion: 'drover/test', serve: 'eager', callGasMax: 50_000_000, callTimeMaxMs: 5_000 },
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

/** Rule 1 of the suite: equal but for the text of error messages. */
function withoutMessage(value: unknown): unknown {
  const { error, ...rest } = value as { error?: Record<string, unknown> }
  if (error === undefined) return rest
  const { message: _message, ...facts } = error
  return { ...rest, error: facts }
}

test('recorded exchanges of execution-apis are answered as recorded', { ...needs('shared') }, async (t) => {
  const { answer } = answerer()
  const mine = Object.keys(createMethods(''))
  const files = mine.flatMap((method) => {
    const names = readdirSync(dir).includes(method) ? readdirSync(join(dir, method)) : []
    return names.filter((name) => name.endsWith('.io')).map((name) => `${method}/${name}`)
  })
  assert.ok(files.length > 50, `${files.length} files`)
  for (const file of files.sort()) {
    await t.test(
      file,
      LATER.has(file) ? { skip: 'receipts before Byzantium come with the state trie' } : {},
      async () => {
        const lines = readFileSync(join(dir, file), 'utf8').split('\n')
        const speconly = lines.find((line) => line.startsWith('//'))?.includes('speconly:')
        let request = ''
        for (const line of lines) {
          if (line.startsWith('>> ')) request = line.slice(3)
          if (!line.startsWith('<< ')) continue
          const got = await answer(utf8(request), { signal: new AbortController().signal })
          assert.ok('items' in got)
          const [item] = got.items
          // Without a master to ask, a transaction that is in no block is what its answer says otherwise.
          const json =
            item?.kind === 'answered'
              ? item.json
              : item?.kind === 'forward'
                ? item.otherwise
                : assert.fail(JSON.stringify(item))
          const answered = JSON.parse(json)
          const expected = JSON.parse(line.slice(3))
          if (speconly && !('error' in answered)) continue
          assert.deepEqual(withoutMessage(answered), withoutMessage(expected))
        }
      },
    )
  }
})
