/**
 * The store's slow twin: it keeps the whole state after every block, computes deltas by comparing two of them, and finds any value by
 * looking it up. A script of random commands drives both, and everything that can be read is compared after each command.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { AccountChange, Code, SlotChange } from '#chain/delta/delta.ts'
import { deltaHash } from '#chain/delta/delta-hash.ts'
import type { Frame } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { EMPTY_CODE_HASH, Lookup } from '#chain/state-view.ts'
import { bigintFrom, bigintTo, concatBytes, fromHex, toHex } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { copyLog } from '#state/logs/log-rows.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import { createChainBuilder, headerOf, makeAddress } from './frame-builder.ts'

const ADDRESSES = [makeAddress(1), makeAddress(0x100), makeAddress(0xff00_0000)]
const SLOTS = [bigintTo(0n, 32), bigintTo(1n, 32), bigintTo(2n ** 255n, 32)]
/** No code, and two that do not fit one row or just do. */
const CODES: readonly (Code | undefined)[] = [
  undefined,
  makeCode(1, 40),
  makeCode(2, 1_888),
  makeCode(3, 5_000),
]
/** Near the end of an epoch of history, so that scripts cross it. */
const FIRST_NUMBER = 125

interface Account {
  readonly nonce: number
  readonly balance: bigint
  readonly code: number
}
interface State {
  /** By index of address. */
  readonly accounts: Map<number, Account>
  /** By `address/slot`; never zero. */
  readonly slots: Map<string, bigint>
}
interface Block {
  readonly made: Frame | Genesis
  readonly state: State
}

interface Edit {
  readonly address: number
  readonly account: Account | undefined
  readonly slot: number
  readonly value: bigint
  readonly part: 'account' | 'slot'
}
export type Command =
  | {
      readonly kind: 'apply'
      readonly edits: readonly Edit[]
      readonly clear: number | undefined
      readonly logs: number
    }
  | { readonly kind: 'undo' }
  | { readonly kind: 'undoAndReapply' }
  | { readonly kind: 'failAfterApply' }
  | { readonly kind: 'prune'; readonly keep: number; readonly rowsMax: number }
  | { readonly kind: 'reopen' }

const edit: fc.Arbitrary<Edit> = fc.record({
  address: fc.nat(ADDRESSES.length - 1),
  account: fc.option(
    fc.record({
      nonce: fc.constantFrom(0, 1, 256),
      balance: fc.constantFrom(0n, 1n, 2n ** 200n),
      code: fc.nat(CODES.length - 1),
    }),
    { nil: undefined },
  ),
  slot: fc.nat(SLOTS.length - 1),
  value: fc.constantFrom(0n, 1n, 256n, 2n ** 256n - 1n),
  part: fc.constantFrom('account', 'slot', 'slot'),
})

export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      edits: fc.array(edit, { maxLength: 5 }),
      clear: fc.option(fc.nat(ADDRESSES.length - 1), { nil: undefined, freq: 3 }),
      logs: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'undo' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'undoAndReapply' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'failAfterApply' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('prune' as const),
      keep: fc.nat(5),
      rowsMax: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
)

/** A store that can be closed and opened again on the same rows. */
export interface Subject {
  readonly open: () => Store
  readonly close: () => Promise<void>
}

export interface Outcome {
  /** The frames that are left on the chain, and what they stand on. */
  readonly frames: readonly Frame[]
  readonly genesis: Genesis
  readonly identity: ReturnType<typeof createChainBuilder>['identity']
  readonly historyFrom: number
}

/** Runs the commands on the store and on the model, and compares after each. */
export async function runAgainstModel(subject: Subject, commands: readonly Command[]): Promise<Outcome> {
  const model = new Model()
  let store = subject.open()
  store.initialise(model.builder.identity, model.builder.genesis)
  model.compare(store)
  for (const each of commands) {
    if (each.kind === 'reopen') {
      await subject.close()
      store = subject.open()
    } else model.run(store, each)
    model.compare(store)
  }
  return model.outcome()
}

class Model {
  readonly builder = createChainBuilder({ number: FIRST_NUMBER })
  #blocks: Block[] = [{ made: this.builder.genesis, state: { accounts: new Map(), slots: new Map() } }]
  #historyFrom = FIRST_NUMBER
  #sequence = 1
  #built = 0

  run(store: Store, each: Exclude<Command, { kind: 'reopen' }>): void {
    switch (each.kind) {
      case 'apply':
        return this.#apply(store, each)
      case 'undo':
        return void this.#undo(store)
      case 'undoAndReapply': {
        const undone = this.#undo(store)
        if (undone === undefined) return
        this.#commit(store, (writer) => writer.apply(undone.frame))
        this.#blocks.push({ made: undone.frame, state: undone.state })
        return
      }
      case 'failAfterApply':
        assert.throws(
          () =>
            store.commit((writer) => {
              writer.apply(this.builder.next({ parent: this.#head().made, extra: 'never', logs: [[]] }))
              throw new Error('failed')
            }),
          /failed/,
        )
        return
      case 'prune':
        return this.#prune(store, each.keep, each.rowsMax)
    }
  }

  compare(store: Store): void {
    const snapshot = store.snapshot()
    assert.equal(snapshot.sequence, this.#sequence)
    assert.equal(snapshot.historyFrom, this.#historyFrom)
    assert.equal(snapshot.heads.head.number, this.#head().number)
    this.#blocks.forEach(({ made, state }) => {
      compareChain(snapshot, made)
      if (headerOf(made).number >= this.#historyFrom) compareState(snapshot, headerOf(made).number, state)
    })
    assert.equal(snapshot.header(this.#head().number + 1), undefined)
    assert.equal(snapshot.hashAt(FIRST_NUMBER - 1), undefined)
    snapshot.release()
  }

  outcome(): Outcome {
    const frames = this.#blocks.flatMap(({ made }) => ('block' in made ? [made] : []))
    const { genesis, identity } = this.builder
    return { frames, genesis, identity, historyFrom: this.#historyFrom }
  }

  #head(): Block & { readonly number: number } {
    const block = this.#blocks.at(-1) as Block
    return { ...block, number: headerOf(block.made).number }
  }

  #commit(store: Store, change: Parameters<Store['commit']>[0]): void {
    this.#sequence += 1
    assert.equal(store.commit(change), this.#sequence)
  }

  #apply(store: Store, { edits, clear, logs }: Extract<Command, { kind: 'apply' }>): void {
    const before = this.#head().state
    const after: State = { accounts: new Map(before.accounts), slots: new Map(before.slots) }
    const cleared = new Set<number>()
    if (clear !== undefined) {
      for (const key of before.slots.keys()) {
        if (addressOf(key) !== clear) continue
        after.slots.delete(key)
        cleared.add(clear)
      }
    }
    for (const each of edits) edited(after, each)
    const frame = this.builder.next({
      parent: this.#head().made,
      ...difference(before, after, cleared),
      cleared: [...cleared].map((i) => ADDRESSES[i] as Uint8Array),
      logs: someLogs(logs),
      extra: `${this.#built++}`,
    })
    this.#commit(store, (writer) => writer.apply(frame))
    this.#blocks.push({ made: frame, state: after })
  }

  #undo(store: Store): { frame: Frame; state: State } | undefined {
    if (this.#head().number <= this.#historyFrom) {
      assert.throws(
        () => store.commit((writer) => void writer.undo()),
        (thrown) => faultCode(thrown) === 'replica/too-deep',
      )
      return undefined
    }
    let undone: Frame | undefined
    this.#commit(store, (writer) => {
      undone = writer.undo()
    })
    const block = this.#blocks.pop()
    assert.deepEqual(undone, block?.made)
    assert.ok(undone !== undefined && block !== undefined)
    assert.deepEqual(deltaHash(undone.delta), undone.deltaHash)
    return { frame: undone, state: block.state }
  }

  #prune(store: Store, keep: number, rowsMax: number): void {
    const target = Math.max(FIRST_NUMBER, this.#head().number - keep)
    for (let done = false; !done; ) {
      this.#commit(store, (writer) => {
        done = writer.pruneHistory(target, rowsMax)
      })
    }
    this.#historyFrom = Math.max(this.#historyFrom, target)
  }
}

function edited(state: State, { part, address, account, slot, value }: Edit): void {
  if (part === 'account') {
    if (account === undefined) state.accounts.delete(address)
    else state.accounts.set(address, account)
  } else if (value === 0n) state.slots.delete(`${address}/${slot}`)
  else state.slots.set(`${address}/${slot}`, value)
}

function addressOf(key: string): number {
  return Number(key.split('/')[0])
}

function difference(
  before: State,
  after: State,
  cleared: ReadonlySet<number>,
): { accounts: AccountChange[]; slots: SlotChange[]; codes: Code[] } {
  const accounts: AccountChange[] = []
  const codes = new Map<string, Code>()
  ADDRESSES.forEach((address, i) => {
    const [was, is] = [before.accounts.get(i), after.accounts.get(i)]
    if (was?.nonce === is?.nonce && was?.balance === is?.balance && was?.code === is?.code) return
    accounts.push({
      address,
      after: is && { nonce: BigInt(is.nonce), balance: is.balance, codeHash: codeHash(is.code) },
    })
    const code = is === undefined || is.code === was?.code ? undefined : CODES[is.code]
    if (code !== undefined) codes.set(toHex(code.hash), code)
  })
  const slots: SlotChange[] = []
  ADDRESSES.forEach((address, i) =>
    SLOTS.forEach((key, j) => {
      const [was, is] = [before.slots.get(`${i}/${j}`) ?? 0n, after.slots.get(`${i}/${j}`) ?? 0n]
      if (cleared.has(i) ? is !== 0n : is !== was) slots.push({ address, key, value: bigintTo(is, 32) })
    }),
  )
  return { accounts, slots, codes: [...codes.values()] }
}

function compareState(snapshot: Snapshot, number: number, state: State): void {
  const view = snapshot.stateAt(number)
  const out = new Uint8Array(72)
  ADDRESSES.forEach((address, i) => {
    const account = state.accounts.get(i)
    assert.equal(view.account(address, out), account === undefined ? Lookup.absent : Lookup.found)
    if (account !== undefined) {
      assert.deepEqual(
        out,
        concatBytes(
          bigintTo(BigInt(account.nonce), 8),
          bigintTo(account.balance, 32),
          codeHash(account.code),
        ),
      )
      const code = CODES[account.code]
      if (code !== undefined) assert.deepEqual(view.code(code.hash), code.code)
    }
    SLOTS.forEach((slot, j) => {
      const value = state.slots.get(`${i}/${j}`)
      assert.equal(view.slot(address, slot, out), value === undefined ? Lookup.absent : Lookup.found)
      assert.equal(bigintFrom(out.subarray(0, 32)), value ?? 0n)
    })
  })
}

function compareChain(snapshot: Snapshot, made: Frame | Genesis): void {
  const header = headerOf(made)
  const { number } = header
  assert.equal(snapshot.hashAt(number), header.hash)
  assert.equal(snapshot.numberOf(header.hash), number)
  assert.deepEqual(snapshot.header(number), header)
  if (!('block' in made)) return
  const hash = new Uint8Array(32)
  const head = snapshot.heads.head.number
  assert.equal(snapshot.stateAt(head).blockHash(number, hash), Lookup.found)
  assert.deepEqual(hash, fromHex(header.hash))
  const { size: _size, ...block } = snapshot.block(number) ?? { size: 0 }
  assert.deepEqual(block, made.block)
  made.block.transactions.forEach((transaction, index) => {
    assert.deepEqual(snapshot.transaction(transaction.hash), { number, index })
  })
  const logs: unknown[] = []
  snapshot.logs(number, (log) => {
    const { transactionIndex, logIndex } = log
    return logs.push({ ...copyLog(log), transactionIndex, logIndex }) > 0
  })
  const expected = made.receipts.flatMap((receipt, transactionIndex) =>
    receipt.logs.map((log) => ({ ...log, transactionIndex })),
  )
  assert.deepEqual(
    logs,
    expected.map((log, logIndex) => ({ ...log, logIndex })),
  )
}

/** Transactions with logs of no bytes, of a row's exact size, and of more than one row. */
function someLogs(transactions: number): { address: Uint8Array; topics: Uint8Array[]; data: Uint8Array }[][] {
  const sizes = [0, 1_888 - 25 - 32, 4_000]
  return Array.from({ length: transactions }, (_, i) =>
    sizes.slice(i).map((size) => ({
      address: makeAddress(i),
      topics: [new Uint8Array(32).fill(i)],
      data: new Uint8Array(size).fill(size & 255),
    })),
  )
}

function codeHash(code: number): Uint8Array {
  return CODES[code]?.hash ?? fromHex(EMPTY_CODE_HASH)
}

function makeCode(seed: number, length: number): Code {
  return { hash: new Uint8Array(32).fill(seed), code: new Uint8Array(length).fill(seed) }
}
