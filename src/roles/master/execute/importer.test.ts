import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import '#test/support/core.ts'
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Frame } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { recoverSender } from '#chain/transaction/sender.ts'
import { receiptsDifference } from '#chain/block/verify-block.ts'
import { concatBytes } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { createPrng } from '#kernel/prng.ts'
import { silent } from '#ports/logger.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { createVirtualClock } from '#ports/testing/virtual-clock.ts'
import { openStore } from '#state/open-store.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { decodeFrame } from '#wire/frame.ts'
import { blocksIn, type ReadableFile } from '#roles/master/client/chain-file.ts'
import { createExecutor } from './executor.ts'
import { openNoSink } from '#roles/master/publish/feed-sink.ts'
import { importChain } from './importer.ts'
import { mailboxPair } from '#roles/master/master.ts'
import { type ExecutorReply, type ExecutorRequest, openExecutorDoor } from './messages.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'

const SUITE = join(SHARED, 'conformance', 'execution-apis')
const FLIPS_PER_BLOCK = 6

function fileOf(bytes: Uint8Array): ReadableFile {
  return {
    size: async () => bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}

/** An importer of its own store: files one after another, each going on where the last one ended. */
function createImports(genesis: Genesis) {
  const [mine, theirs] = mailboxPair<ExecutorRequest, ExecutorReply>()
  createExecutor(theirs, {
    store: openStore(memoryKeyValue(), { compress: stored, trie: true }),
    genesis,
    compress: stored,
    clock: createVirtualClock(),
    log: silent,
    metrics: createMasterMetrics(createMeterRegistry()),
  })
  const executor = openExecutorDoor(mine)
  const frames: Frame[] = []
  return {
    frames,
    undoTo: (number: number) => executor.ask('undoTo', { number }),
    async take(bytes: Uint8Array): Promise<BlockRef> {
      const { sink, start } = await openNoSink(executor, genesis)
      return importChain(
        {
          file: fileOf(bytes),
          genesis,
          executor,
          sink: { ...sink, frame: async (frame) => void frames.push(decodeFrame(frame.bytes, stored)) },
          recoverSenders: async (transactions, fork) => {
            const senders = transactions.map((transaction) => recoverSender(transaction, fork))
            return senders.some((sender) => sender === undefined)
              ? undefined
              : concatBytes(...(senders as Uint8Array[]))
          },
          onProgress: () => {},
        },
        start,
        new AbortController().signal,
      )
    },
  }
}

async function refusalOf(taking: Promise<unknown>): Promise<string> {
  try {
    await taking
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    return `${thrown.code}: ${thrown.message}`
  }
  return 'taken'
}

const load = async () => {
  const text = readFileSync(join(SUITE, 'genesis.json'), 'utf8')
  const blocks: Uint8Array[] = []
  for await (const { rlp } of blocksIn(fileOf(readFileSync(join(SUITE, 'chain.rlp'))))) blocks.push(rlp)
  return { text, genesis: parseGenesis(text), blocks }
}

test(
  'a flipped bit anywhere in any block is refused, at the block or at its child, with its number and the field',
  needs('shared'),
  async () => {
    const { genesis, blocks } = await load()
    const imports = createImports(genesis)
    const prng = createPrng(5)
    const fields = new Set<string>()
    for (const [i, rlp] of blocks.entries()) {
      const before = i === 0 ? [] : [blocks[i - 1] as Uint8Array]
      for (let n = 0; n < FLIPS_PER_BLOCK; n++) {
        const flipped = rlp.slice()
        const at = prng.between(0, rlp.length - 1)
        flipped[at] = (flipped[at] as number) ^ (1 << prng.between(0, 7))
        const refusal = await refusalOf(
          imports.take(concatBytes(...before, flipped, ...blocks.slice(i + 1, i + 2))),
        )
        await imports.undoTo(i) // what only its child shows to be another was taken
        const what = `block ${i + 1}, byte ${at}: ${refusal}`
        // Seals and extra data are their author's to choose: a last block that was given others is another valid block.
        if (refusal === 'taken') assert.equal(i, blocks.length - 1, what)
        else if (refusal.startsWith('import/malformed'))
          assert.match(refusal, new RegExp(`in block ${i + 1},|within a block|no block begins`), what)
        else {
          const named =
            /^import\/(refused|gap|other-chain): .*?block (\d+).*?(?:: (\w+): |$)/.exec(refusal) ??
            assert.fail(what)
          assert.ok([i, i + 1, i + 2].includes(Number(named[2])), what)
          if (named[3]) fields.add(named[3])
        }
      }
      const head = await imports.take(concatBytes(...before, rlp))
      assert.equal(head.number, i + 1)
    }
    assert.ok(fields.size > 5, [...fields].join(' '))
  },
)

test(
  'a flipped bit in a genesis account or in a receipt is refused with the field',
  needs('shared'),
  async () => {
    const { text, genesis, blocks } = await load()
    const { alloc } = JSON.parse(text) as { alloc: Record<string, { balance: string }> }
    const addresses = Object.keys(alloc)
    assert.ok(addresses.length > 3)
    for (const address of addresses) {
      const other = JSON.parse(text) as { alloc: Record<string, { balance?: string }> }
      const account = other.alloc[address] ?? assert.fail()
      account.balance = `0x${(BigInt(account.balance ?? '0x0') ^ 1n).toString(16)}`
      const imports = createImports(parseGenesis(JSON.stringify(other)))
      assert.match(
        await refusalOf(imports.take(blocks[0] as Uint8Array)),
        /^import\/refused: block 1 .*: parentHash: /,
        address,
      )
    }
    const imports = createImports(genesis)
    assert.equal((await imports.take(concatBytes(...blocks))).number, 54)
    let flips = 0
    for (const { block, receipts } of imports.frames) {
      assert.equal(receiptsDifference(block, receipts), undefined)
      const at = block.header.number % Math.max(receipts.length, 1)
      const receipt = receipts[at]
      if (receipt === undefined) continue
      const flipped = receipts.with(at, { ...receipt, cumulativeGasUsed: receipt.cumulativeGasUsed ^ 1n })
      assert.match(receiptsDifference(block, flipped)?.field ?? '', /^(gasUsed|receiptsRoot)$/)
      flips++
    }
    assert.ok(flips > 40)
  },
)
