import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import '#test/support/core.ts'
import type { Frame } from '#chain/block/frame.ts'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { rlpOf } from '#chain/codec/rlp-fields.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { readLeaf } from '#chain/trie/testing/read-proof.ts'
import { EMPTY_TRIE_ROOT, trieRoot } from '#chain/trie/trie-root.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, fromHex, toHex, trimZeros } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { branchSnapshot } from '#state/branch-snapshot.ts'
import { getU32 } from '#state/codec/bytes.ts'
import { openStore } from '#state/open-store.ts'
import { dumpTables } from '#state/testing/dump.ts'
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import { stored } from '#state/testing/stored.ts'
import {
  ADDRESSES,
  after,
  difference,
  type Edit,
  edit,
  FIRST,
  genesisWorld,
  rootOf,
  SLOTS,
  type World,
  worldBuilder,
} from '#state/testing/trie-world.ts'
import { KEYED } from './layers.ts'

type Step = { readonly kind: 'block'; readonly edits: readonly Edit[] } | { readonly kind: 'undo' | 'prune' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('block' as const), edits: fc.array(edit, { maxLength: 6 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('undo' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prune' as const) }) },
)

function begin(kv: KeyValue) {
  const builder = worldBuilder()
  const store = openStore(kv, { compress: stored, trie: true })
  store.initialise(builder.identity, builder.genesis)
  return { builder, store }
}

test('each block’s root is the root of the whole state, at the head, at every block within the horizon and beside the chain, through undo and pruning', () => {
  let beside = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 24 }), (steps) => {
      const kv = memoryKeyValue()
      const { builder, store } = begin(kv)
      const chain: { world: World; made: Frame | undefined; rows: string }[] = [
        { world: genesisWorld, made: undefined, rows: trieRows(kv) },
      ]
      const left: typeof chain = []
      let historyFrom = FIRST
      let extra = 0
      for (const each of steps) {
        const top = chain.at(-1) as (typeof chain)[number]
        if (each.kind === 'block') {
          const world = after(top.world, each.edits)
          const made = builder.next({
            ...difference(top.world, world),
            parent: top.made ?? builder.genesis,
            stateRoot: rootOf(world),
            extra: String(extra++),
          })
          store.commit((writer) => writer.apply(made))
          chain.push({ world, made, rows: trieRows(kv) })
        } else if (each.kind === 'undo' && FIRST + chain.length - 1 > historyFrom) {
          store.commit((writer) => void writer.undo())
          left.push(chain.pop() as (typeof chain)[number])
          assert.equal(
            latest(trieRows(kv)),
            latest(chain.at(-1)?.rows ?? ''),
            'undoing leaves the rows of before',
          )
        } else if (each.kind === 'prune') {
          historyFrom = Math.max(historyFrom, FIRST + chain.length - 4)
          for (let done = false; !done; )
            store.commit((writer) => void (done = writer.pruneHistory(historyFrom, 10)))
        }
      }
      const snapshot = store.snapshot()
      assert.equal(snapshot.historyFrom, historyFrom)
      chain.forEach(({ world }, i) => {
        if (FIRST + i < historyFrom) return
        const proofs = snapshot.proofsAt(FIRST + i)
        assert.ok(proofs)
        assert.equal(toHex(proofs.stateRoot()), toHex(rootOf(world)), `block ${FIRST + i}`)
        for (const [who, address] of ADDRESSES.entries()) proves(world, who, address, proofs)
      })
      for (const { world, made } of left) {
        if (made === undefined) continue
        const { number, parentHash } = made.block.header
        if (number <= historyFrom || snapshot.numberOf(parentHash) !== number - 1) continue
        const proofs = branchSnapshot(snapshot, [made]).proofsAt(number)
        assert.ok(proofs)
        assert.equal(toHex(proofs.stateRoot()), toHex(rootOf(world)), `block ${number} beside the chain`)
        for (const [who, address] of ADDRESSES.entries()) proves(world, who, address, proofs)
        beside++
      }
    }),
    { numRuns: 30 },
  )
  assert.ok(beside > 5, `${beside} blocks beside the chain`)
})

test('in a long history references move to rows of their own: at every step each block is proven as it was, and pruning leaves none', () => {
  const BLOCKS = 300
  const FINAL = 10
  const kv = memoryKeyValue()
  const { builder, store } = begin(kv)
  const worlds: World[] = [genesisWorld]
  const roots: Uint8Array[] = [rootOf(genesisWorld)]
  let made: Frame | undefined
  for (let i = 1; i <= BLOCKS; i++) {
    const before = worlds.at(-1) as World
    // Some blocks remove a storage, some change more than a row of changes holds.
    const whos = i % 30 === 7 ? ADDRESSES.map((_, who) => who) : [(5 * i) % ADDRESSES.length]
    const slots =
      i % 30 === 7 ? SLOTS.map((_, slot) => [slot, 1 + (i % 2)] as const) : [[i % 24, i % 3] as const]
    const world = after(
      before,
      whos.map((who) => ({ who, balance: i % 50 === 0 ? 0 : i, slots })),
    )
    const root = rootOf(world)
    const frame = builder.next({
      ...difference(before, world),
      parent: made ?? builder.genesis,
      stateRoot: root,
    })
    store.commit((writer) => writer.apply(frame))
    made = frame
    worlds.push(world)
    roots.push(root)
  }
  const look = (i: number): void => {
    const snapshot = store.snapshot()
    const proofs = snapshot.proofsAt(FIRST + i)
    assert.ok(proofs)
    assert.equal(toHex(proofs.stateRoot()), toHex(roots[i] as Uint8Array), `block ${FIRST + i}`)
    proves(worlds[i] as World, i % 24, ADDRESSES[i % 24] as Uint8Array, proofs)
    snapshot.release()
  }
  const snapshot = store.snapshot()
  const hash = snapshot.hashAt(FIRST + BLOCKS - FINAL)
  snapshot.release()
  assert.ok(hash)
  const mark = { number: FIRST + BLOCKS - FINAL, hash }
  store.commit((writer) => writer.setMarks({ safe: mark, finalized: mark, verified: mark }))
  let steps = 0
  for (let done = false; !done; steps++) {
    if (steps % 5 === 0) look((17 * steps) % 140)
    const half = halfMoved(kv)
    if (half !== undefined) look(half - FIRST - 1)
    store.commit((writer) => void (done = writer.widenHistory(150)))
  }
  for (let i = 0; i < BLOCKS; i += 29) look(i)
  assert.ok(steps > 30, `${steps} steps`)
  assert.ok(dumpTables(kv).trieHistory.length > 1_000)
  const last = FIRST + BLOCKS - 30
  for (let done = false; !done; ) store.commit((writer) => void (done = writer.pruneHistory(last, 50)))
  look(BLOCKS - 30)
  assert.deepEqual(dumpTables(kv).trieHistory, [], 'what was pruned is gone')
})

/** The block of which some rows of changes have moved and others have not. */
function halfMoved(kv: KeyValue): number | undefined {
  const tx = kv.read()
  try {
    let moved: number | undefined
    for (let row = tx.seek('trieChanges', new Uint8Array(1)); row; row = tx.next('trieChanges')) {
      const block = getU32(row.key, 0)
      if (row.value[0] !== KEYED) return moved === block ? block : undefined
      moved = block
    }
    return undefined
  } finally {
    tx.release()
  }
}

function proves(
  world: World,
  who: number,
  address: Uint8Array,
  proofs: NonNullable<ReturnType<ReturnType<ReturnType<typeof openStore>['snapshot']>['proofsAt']>>,
): void {
  const account = world.get(who)
  const storage = stateRootOfStorage(account?.slots)
  assert.equal(toHex(proofs.storageRoot(address)), toHex(storage))
  const leaf = account && encodeRlp([rlpOf(1n), rlpOf(account.balance), storage, fromHex(EMPTY_CODE_HASH)])
  const root = proofs.stateRoot()
  if (toHex(root) !== EMPTY_TRIE_ROOT)
    assert.deepEqual(readLeaf(root, keccak256(address), proofs.account(address)), leaf)
  if (toHex(storage) === EMPTY_TRIE_ROOT) return
  for (const [slot, key] of SLOTS.entries()) {
    const value = account?.slots.get(slot)
    const expected = value === undefined ? undefined : encodeRlp(trimZeros(bigintTo(value, 32)))
    assert.deepEqual(readLeaf(storage, keccak256(key), proofs.slot(address, key)), expected)
  }
}

/** The storage root by way of an account that has nothing else. */
function stateRootOfStorage(slots: ReadonlyMap<number, bigint> = new Map()): Uint8Array {
  return trieRoot(
    [...slots].map(([slot, value]) => ({
      key: keccak256(SLOTS[slot] as Uint8Array),
      value: encodeRlp(trimZeros(bigintTo(value, 32))),
    })),
  )
}

function trieRows(kv: KeyValue): string {
  const { trie, trieHistory, trieChanges } = dumpTables(kv)
  return JSON.stringify({ trie, trieHistory, trieChanges })
}

/** History may have been pruned meanwhile. */
const latest = (rows: string): string => JSON.stringify(JSON.parse(rows).trie)

test('a block whose delta is not what its header says is refused whole, and names both roots', () => {
  const kv = memoryKeyValue()
  const { builder, store } = begin(kv)
  const world = after(genesisWorld, [{ who: 20, balance: 3, slots: [[1, 1]] }])
  const wrong = after(world, [{ who: 20, balance: 3, slots: [[1, 2]] }])
  const before = JSON.stringify(dumpTables(kv))
  const frame = builder.next({ ...difference(genesisWorld, wrong), stateRoot: rootOf(world) })
  assert.throws(
    () => store.commit((writer) => writer.apply(frame)),
    (thrown) =>
      faultCode(thrown) === 'store/state-root' &&
      String(thrown).includes(toHex(rootOf(world))) &&
      String(thrown).includes(toHex(rootOf(wrong))),
  )
  assert.equal(JSON.stringify(dumpTables(kv)), before)
})

test('a store made without a trie is not given one by opening it', () => {
  const kv = memoryKeyValue()
  const builder = worldBuilder()
  const plain = openStore(kv, { compress: stored })
  plain.initialise(builder.identity, builder.genesis)
  assert.ok(!plain.keepsTrie())
  const snapshot = plain.snapshot()
  assert.equal(snapshot.proofsAt(0), undefined)
  snapshot.release()
  const wanted = openStore(kv, { compress: stored, trie: true })
  assert.throws(
    () => wanted.initialise(builder.identity, builder.genesis),
    (thrown) => faultCode(thrown) === 'store/no-trie',
  )
})
