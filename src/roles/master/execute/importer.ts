/**
 * A chain file as the source of a feed (or of a store alone): every block is checked against its parent and the rules, its senders are
 * recovered, it is executed and proven on the own store, and published as a master publishes what its client has. A file is a chain that
 * does not change, so each head that is named is also safe and final. A killed import goes on where store and feed stand.
 */
import { type BlockRef, describeBlock } from '#chain/block/block-ref.ts'
import type { SenderlessBlock } from '#chain/block/block-rlp.ts'
import type { Block } from '#chain/block/frame.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import type { Header } from '#chain/header/header.ts'
import { headerDifference } from '#chain/header/header-rules.ts'
import type { Fork } from '#chain/fork/rules.ts'
import type { Difference } from '#chain/block/verify-block.ts'
import { Fault } from '#kernel/fault.ts'
import {
  blockIn,
  blocksIn,
  type FileBlock,
  headerIn,
  type ReadableFile,
} from '#roles/master/client/chain-file.ts'
import type { FeedSink } from '#roles/master/publish/feed-sink.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { ExecutorDoor } from './messages.ts'

/** A head is named at least this often. */
const NAMED_EVERY_BLOCKS = 32
const AHEAD_BLOCKS_MAX = masterLimits.importAheadBlocksMax.value
const AHEAD_BYTES_MAX = masterLimits.importAheadBytesMax.value

/** How far an import is, after each block. */
export interface ImportProgress {
  readonly block: BlockRef
  readonly blocks: number
  readonly gasUsed: bigint
  /** Read of the file, and in it. */
  readonly bytes: number
  readonly ofBytes: number
}

export interface ImportParts {
  readonly file: ReadableFile
  readonly genesis: Genesis
  readonly executor: ExecutorDoor
  readonly sink: FeedSink
  /** Where an account sent each transaction from, n × 20; undefined where one is signed by nobody. */
  readonly recoverSenders: (
    transactions: SenderlessBlock['transactions'],
    fork: Fork,
  ) => Promise<Uint8Array | undefined>
  readonly onProgress: (progress: ImportProgress) => void
}

/** Resolves when the whole file is in the store, and on the feed.
 *  @throws Fault import/malformed, import/refused, import/other-chain, import/gap; what the executor and the feed throw */
export async function importChain(
  parts: ImportParts,
  start: BlockRef,
  signal: AbortSignal,
): Promise<BlockRef> {
  const { executor, sink, genesis } = parts
  const ofBytes = await parts.file.size()
  const reading = readFrom(parts, start)
  const ahead: Prepared[] = []
  let aheadBytes = 0
  let ended = false
  const fill = async (): Promise<void> => {
    while (!ended && ahead.length < AHEAD_BLOCKS_MAX && aheadBytes < AHEAD_BYTES_MAX) {
      const next = await reading.next()
      if (next.done === true) ended = true
      else {
        ahead.push(next.value)
        aheadBytes += next.value.bytes
      }
    }
  }
  let head = start
  let blocks = 0
  let gasUsed = 0n
  for (await fill(); ahead.length > 0 && !signal.aborted; ) {
    const { read, senders, bytes, end } = ahead.shift() as Prepared
    aheadBytes -= bytes
    const block = withSenders(read, await senders)
    const executing = executor.ask('execute', { block, senders: 'recovered', source: 'file' })
    // What follows is read and its senders are looked for meanwhile. A failure of either is seen below.
    const [outcome] = await Promise.all([executing, fill()])
    if ('refusal' in outcome) throw refused(outcome.refusal.block, outcome.refusal)
    head = outcome.frame.block
    const isNamed = ++blocks % NAMED_EVERY_BLOCKS === 0 || ahead.length === 0
    await sink.frame(outcome.frame, isNamed ? 'head' : 'passed')
    if (isNamed) {
      sink.final(head)
      await executor.ask('finalize', { number: head.number })
    }
    gasUsed += block.header.gasUsed
    parts.onProgress({ block: head, blocks, gasUsed, bytes: end, ofBytes })
  }
  if (blocks === 0 && start.number > genesis.header.number) sink.final(start)
  await sink.flushed()
  return head
}

interface Prepared {
  readonly read: SenderlessBlock
  readonly senders: Promise<Uint8Array | undefined>
  readonly bytes: number
  readonly end: number
}

/** The file's blocks above `start`, each checked by what is known without executing it, its senders being looked for. */
async function* readFrom(
  { file, genesis, recoverSenders }: ImportParts,
  start: BlockRef,
): AsyncGenerator<Prepared, void, undefined> {
  let parent: Header | undefined = start.number === genesis.header.number ? genesis.header : undefined
  for await (const found of blocksIn(file)) {
    const said = headerIn(found, parent && parent.number + 1)
    if (passesOver(said, start, genesis)) {
      if (said.number === start.number) parent = said
      continue
    }
    if (parent === undefined) throw gap(found, start)
    const read = blockIn(found, parent.number + 1)
    const { header } = read
    const rules = genesis.config.rulesAt(header.number, header.timestamp)
    const difference = headerDifference(header, parent, rules)
    if (difference !== undefined) throw refused(header, difference)
    const senders = recoverSenders(read.transactions, rules.fork)
    senders.catch(() => {}) // seen when its turn comes
    parent = header
    yield { read, senders, bytes: found.rlp.length, end: found.end }
  }
}

/** A block that the store has already, or the genesis. */
function passesOver(header: Header, start: BlockRef, genesis: Genesis): boolean {
  if (header.number > start.number) return false
  const own = header.number === genesis.header.number ? genesis.header.hash : undefined
  const hash = header.number === start.number ? start.hash : own
  if (hash !== undefined && hash !== header.hash)
    throw new Fault(
      'import/other-chain',
      `the file's block ${describeBlock(header)} is not the one that is known: ${hash}`,
      { number: header.number, file: header.hash, known: hash },
    )
  return true
}

function withSenders(read: SenderlessBlock, senders: Uint8Array | undefined): Block {
  if (senders === undefined)
    throw refused(read.header, {
      field: 'transactions',
      expected: 'signed',
      computed: 'one that nobody can have signed',
    })
  return {
    ...read,
    senders: read.transactions.map((_, i) => senders.subarray(20 * i, 20 * i + 20)),
  }
}

function refused(block: BlockRef, { field, expected, computed }: Difference): Fault {
  return new Fault(
    'import/refused',
    `block ${describeBlock(block)} is not valid: ${field}: the file says ${expected}, computed is ${computed}`,
    { number: block.number, hash: block.hash, field, expected, computed },
  )
}

function gap({ at }: FileBlock, start: BlockRef): Fault {
  return new Fault(
    'import/gap',
    `the file does not hold block ${describeBlock(start)}, on which its block at byte ${at} would have to follow`,
    { at, number: start.number },
  )
}
