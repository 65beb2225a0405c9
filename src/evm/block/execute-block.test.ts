import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import '#test/support/core.ts'
import { blockFromRlp } from '#chain/block/block-rlp.ts'
import { accountAt, slotAt } from '#chain/delta/delta-builder.ts'
import type { Delta } from '#chain/delta/delta.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { decodeRlpAt } from '#chain/codec/rlp.ts'
import { stateRoot } from '#chain/block/roots.ts'
import { isActive } from '#chain/fork/rules.ts'
import { recoverSender } from '#chain/transaction/sender.ts'
import { makeDelta } from '#chain/delta/delta-builder.ts'
import { NO_ROWS, stagedRows, updateStateTrie } from '#chain/trie/state-trie.ts'
import { executionDifference } from '#chain/block/verify-block.ts'
import { toHex } from '#kernel/bytes.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { executeBlock } from './execute-block.ts'
import { MapState } from '#evm/testing/map-state.ts'

test(
  'every block of the conformance chain gives the gas, receipts, bloom, requests and state root of its header',
  needs('shared'),
  () => {
    const dir = join(SHARED, 'conformance', 'execution-apis')
    const genesis = parseGenesis(readFileSync(join(dir, 'genesis.json'), 'utf8'))
    const state = MapState.fromGenesis(genesis)
    const trie = stagedRows(NO_ROWS)
    updateStateTrie(trie, makeDelta({ ...genesis, cleared: [] }), state)
    const file = readFileSync(join(dir, 'chain.rlp'))
    let executed = 0
    for (let at = 0; at < file.length; ) {
      const { item, end } = decodeRlpAt(file, at)
      at = end
      const read = blockFromRlp(item)
      const block = {
        ...read,
        senders: read.transactions.map((t) => recoverSender(t) ?? assert.fail('a sender')),
      }
      const { header } = block
      const rules = genesis.config.rulesAt(header.number, header.timestamp)
      if (!isActive(rules, 'byzantium')) assert.equal(executeBlock(block, rules, state).kind, 'refused')
      const outcome = executeBlock(block, rules, state, trie)
      assert.equal(outcome.kind, 'executed', outcome.kind === 'refused' ? outcome.reason : '')
      if (outcome.kind !== 'executed') return
      executed++
      assert.equal(executionDifference(block, outcome), undefined, `block ${header.number}`)
      assert.equal(outcome.gasUsed, header.gasUsed)
      assertNet(outcome.delta, state)
      state.applyDelta(outcome.delta)
      state.hashes.set(header.number, header.hash)
      const { accounts, slots } = state.contents()
      assert.equal(toHex(stateRoot(accounts, slots)), toHex(header.stateRoot), `block ${header.number}`)
      const root = updateStateTrie(trie, outcome.delta, state)
      assert.equal(toHex(root), toHex(header.stateRoot), `the trie after block ${header.number}`)
    }
    assert.equal(executed, 54)
  },
)

/** Whatever a delta lists differs from the state before. */
function assertNet(delta: Delta, before: MapState): void {
  for (let i = 0; i < delta.accounts.count; i++) {
    const { address, after } = accountAt(delta, i)
    assert.notDeepEqual(before.accounts.get(toHex(address)), after, `${toHex(address)} has changed`)
  }
  const value = new Uint8Array(32)
  for (let i = 0; i < delta.slots.count; i++) {
    const slot = slotAt(delta, i)
    before.slot(slot.address, slot.key, value)
    assert.notDeepEqual(value, slot.value, `${toHex(slot.address)} ${toHex(slot.key)} has changed`)
  }
}
