import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import '#test/support/core.ts'
import { equalBytes, toHex } from '#kernel/bytes.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { blockFromRlp, blockSize, encodeBlock } from './block/block-rlp.ts'
import { nextBaseFee, nextExcessBlobGas } from './block/fees.ts'
import { parseGenesis } from './fork/genesis-file.ts'
import { headerFromFields } from './header/header-rlp.ts'
import { decodeRlpAt } from './codec/rlp.ts'
import { recoverSender } from './transaction/sender.ts'
import { encodeTransaction } from './transaction/transaction-rlp.ts'
import { blockDifference } from './block/verify-block.ts'

const dir = join(SHARED, 'conformance', 'execution-apis')
const load = () => {
  const bytes = readFileSync(join(dir, 'chain.rlp'))
  const blocks = []
  for (let at = 0; at < bytes.length; ) {
    const { item, end } = decodeRlpAt(bytes, at)
    blocks.push({ block: blockFromRlp(item), rlp: bytes.subarray(at, end) })
    at = end
  }
  return { genesis: parseGenesis(readFileSync(join(dir, 'genesis.json'), 'utf8')), blocks }
}

test(
  'the conformance chain is decoded, linked, committed to by its headers, and encoded as it was',
  needs('shared'),
  () => {
    const { genesis, blocks } = load()
    let parent = genesis.header
    for (const { block, rlp } of blocks) {
      assert.equal(block.header.parentHash, parent.hash, `block ${block.header.number} builds on its parent`)
      const senders = block.transactions.map(
        (transaction) => recoverSender(transaction) ?? assert.fail('a sender'),
      )
      assert.equal(blockDifference({ ...block, senders }), undefined)
      assert.ok(equalBytes(encodeBlock(block), rlp))
      assert.equal(blockSize(block), rlp.length)
      assert.ok(equalBytes(headerFromFields(block.header).rlp, block.header.rlp))
      for (const transaction of block.transactions)
        assert.ok(equalBytes(encodeTransaction(transaction), transaction.raw))
      parent = block.header
    }
    assert.equal(blocks.length, 54)
    assert.equal(parent.hash.slice(0, 10), '0xd226371d')
  },
)

test('base fee and excess blob gas of each block follow from its parent', needs('shared'), () => {
  const { genesis, blocks } = load()
  let parent = genesis.header
  let blobs = 0
  for (const { block } of blocks) {
    const { header } = block
    if (header.baseFeePerGas !== undefined && parent.baseFeePerGas !== undefined)
      assert.equal(nextBaseFee(parent), header.baseFeePerGas)
    const rules = genesis.config.rulesAt(header.number, header.timestamp)
    if (header.excessBlobGas !== undefined && rules.blob !== undefined) {
      blobs++
      assert.equal(
        nextExcessBlobGas(parent, rules, rules.blob),
        header.excessBlobGas,
        `block ${header.number}`,
      )
    }
    parent = header
  }
  assert.ok(blobs > 10)
})

test(
  'a flipped bit anywhere in a block is refused or changes what its header commits to',
  needs('shared'),
  () => {
    const { blocks } = load()
    const { rlp, block } =
      blocks.findLast((entry) => entry.block.transactions.length > 2) ?? assert.fail('a block')
    for (let at = 0; at < rlp.length; at += 7) {
      const flipped = Uint8Array.from(rlp)
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      let differs: boolean
      try {
        const read = blockFromRlp(decodeRlpAt(flipped, 0).item)
        differs =
          read.header.hash !== block.header.hash || blockDifference({ ...read, senders: [] }) !== undefined
      } catch {
        differs = true
      }
      assert.ok(differs, `byte ${at} (${toHex(flipped.subarray(at, at + 1))})`)
    }
  },
)
