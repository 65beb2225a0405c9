/**
 * A store that holds the world's state before the first block. Made once for each size by the production store code, its state rows
 * written in the order of their keys, and kept in the temp folder; a run works on a copy.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Genesis } from '#chain/fork/genesis.ts'
import { EMPTY_CODE_HASH } from '#chain/state-view.ts'
import { bigintTo, concatBytes, fromHex } from '#kernel/bytes.ts'
import { openLmdb } from '#platform/lmdb/key-value.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import type { StoreIdentity } from '#state/identity.ts'
import { putKeepsTrie, SCHEMA } from '#state/meta.ts'
import { openStore } from '#state/open-store.ts'
import { encodeAccount, encodeSlot } from '#state/rows/rows.ts'
import { stored } from '#state/testing/stored.ts'
import { buildTrie } from '#state/trie/build.ts'
import { firstHeader } from './blocks.ts'
import { addressOf, codeHashOf, createWorld, inOrder, slotKey, slotValue, type World } from './world.ts'

export const CHAIN_ID = 31_337n
/** As `stat` counts them. */
const BLOCK_BYTES = 512
const PAGE_BYTES = 4_096
const COPIED_AT_ONCE = 1 << 20
const ROWS_PER_TRANSACTION = 30_000
/** Changes where the world's numbers give other bytes. */
const WORLD_VERSION = 1

const RULES = { chainId: CHAIN_ID, fork: 'shanghai' } as const

export const genesis: Genesis = {
  config: {
    chainId: CHAIN_ID,
    schedule: { blocks: [], times: [] },
    rulesAt: () => RULES,
    pretendedRules: () => RULES,
  },
  header: firstHeader(),
  accounts: [],
  slots: [],
  codes: [],
}

export const identity: StoreIdentity = {
  cluster: 'bench',
  chainId: CHAIN_ID,
  genesisHash: genesis.header.hash,
  generation: 1,
  feed: 'memory',
}

/** Copies of the preloaded store, each in a folder of its own below `folder`. */
export async function preloadedStores(
  slots: number,
  names: readonly string[],
  say: (line: string) => void,
  trie?: 'trie',
): Promise<{ folder: string; paths: readonly string[] }> {
  const kept = join(tmpdir(), `drover-bench-m1-${slots}-${SCHEMA}.${WORLD_VERSION}${trie ?? ''}`)
  if (!existsSync(kept)) {
    say(`writing ${slots} slots to ${kept}, which later runs use again`)
    const making = mkdtempSync(`${kept}-`)
    await make(making, slots, trie !== undefined)
    renameSync(making, kept)
  }
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-'))
  const paths = names.map((name) => {
    const path = join(folder, name)
    mkdirSync(path)
    copyPages(join(kept, 'data.mdb'), join(path, 'data.mdb'))
    return path
  })
  return { folder, paths }
}

/**
 * Not copyFile: the file is as long as its map, a terabyte of holes. And page by page, as LMDB itself fills a file: where the kernel is given
 * more at once it keeps large folios, and each first write to a page of one then costs what all its pages together would.
 */
function copyPages(from: string, to: string): void {
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')]
  const used = fstatSync(source).blocks * BLOCK_BYTES
  const chunk = new Uint8Array(COPIED_AT_ONCE)
  for (let at = 0; at < used; ) {
    const length = readSync(source, chunk, 0, chunk.length, at)
    for (let page = 0; page < length; page += PAGE_BYTES)
      writeSync(target, chunk, page, PAGE_BYTES, at + page)
    at += length
  }
  closeSync(source)
  closeSync(target)
}

export function removeStores(folder: string): void {
  rmSync(folder, { recursive: true })
}

async function make(path: string, slots: number, trie: boolean): Promise<void> {
  const kv = openLmdb({ path, mode: 'writer', durable: false })
  openStore(kv, { compress: stored }).initialise(identity, genesis)
  const world = createWorld(slots)
  writeInChunks(kv, 'accounts', accountRows(world))
  writeInChunks(kv, 'storage', slotRows(world))
  if (trie) {
    buildTrie(kv)
    kv.write(putKeepsTrie)
  }
  await kv.close()
  rmSync(join(path, 'lock.mdb'), { force: true })
}

type StateRow = readonly [Uint8Array, Uint8Array]

function* accountRows(world: World): Generator<StateRow> {
  const nonce = bigintTo(1n, 8)
  const balance = bigintTo(10n ** 18n, 32)
  const none = fromHex(EMPTY_CODE_HASH)
  for (const i of inOrder(world.accounts, addressOf))
    yield [addressOf(i), encodeAccount(nonce, balance, i < world.contracts ? codeHashOf(i) : none)]
}

function* slotRows(world: World): Generator<StateRow> {
  for (const contract of inOrder(world.contracts, addressOf)) {
    const address = addressOf(contract)
    for (const slot of inOrder(world.slotsOf[contract] as number, (i) => slotKey(contract, i)))
      yield [concatBytes(address, slotKey(contract, slot)), encodeSlot(slotValue(contract, slot, 0))]
  }
}

function writeInChunks(kv: KeyValue, table: 'accounts' | 'storage', rows: Generator<StateRow>): void {
  for (let more = true; more; )
    kv.write((tx) => {
      for (let left = ROWS_PER_TRANSACTION; left > 0; left--) {
        const { done, value } = rows.next()
        if (done === true) {
          more = false
          return
        }
        tx.put(table, value[0], value[1])
      }
    })
}
