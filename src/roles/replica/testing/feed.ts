/** A feed of synthetic blocks, as masters would write it, and a replica's store over it: for tests of the applier. */
import type { BlockRef } from '#chain/block/block-ref.ts'
import { type Frame, type Level, refOf } from '#chain/block/frame.ts'
import { toHex } from '#kernel/bytes.ts'
import type { Compress } from '#ports/compress.ts'
import { createMemoryRecordLog } from '#ports/testing/memory-record-log.ts'
import type { FramePart, RecordBody } from '#protocol/feed/frames/records.ts'
import { type ChainBuilder, createChainBuilder } from '#state/testing/frame-builder.ts'
import { encodeFrame, splitFrame } from '#wire/frame.ts'
import { encodeRecord } from '#wire/record.ts'

/** Compresses nothing. */
export const stored: Compress = {
  codec: 'stored',
  compress: (raw) => raw,
  expand: (_codec, bytes) => bytes,
}

export const word = (n: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? n : 0))
export const address = (n: number): Uint8Array => new Uint8Array(20).fill(n)

export class Feed {
  readonly log = createMemoryRecordLog()
  readonly chain: ChainBuilder
  readonly #sequences = new Map<string, number>()

  constructor(
    chain = createChainBuilder({
      accounts: [{ address: address(9), after: { nonce: 0n, balance: 1n, codeHash: new Uint8Array(32) } }],
    }),
  ) {
    this.chain = chain
  }

  async begin(): Promise<void> {
    const { header, config } = this.chain.genesis
    await this.say('m1', {
      kind: 'generation',
      chainId: config.chainId,
      genesisHash: header.hash,
      generation: 1,
      base: refOf(header),
      baseHeader: header.rlp,
      baseStateRoot: toHex(header.stateRoot),
      settings: { agree: 1 },
    })
  }
  /** Appends the records of one producer. */
  async say(producer: string, ...bodies: readonly RecordBody[]): Promise<void> {
    const records = bodies.map((body) => {
      const sequence = 1 + (this.#sequences.get(producer) ?? 0)
      this.#sequences.set(producer, sequence)
      return encodeRecord({ cluster: 'test', producer, epoch: 1, incarnation: 1n, sequence, body })
    })
    await this.log.append(records)
  }

  /** A block whose changes depend on `seed`. */
  block(parent: Frame | undefined, extra: string, seed: number, level: Level = 'receipts'): Frame {
    const account = address(1 + (seed % 3))
    const cleared = seed % 8 === 5
    return this.chain.next({
      parent: parent ?? this.chain.genesis,
      extra,
      level,
      accounts: [
        {
          address: account,
          after: seed % 5 === 0 ? undefined : { nonce: BigInt(seed), balance: 1n, codeHash: word(0) },
        },
      ],
      slots: [{ address: account, key: word(seed % 4), value: word(cleared ? 1 + (seed % 6) : seed % 7) }],
      cleared: cleared ? [account] : [],
      logs: [[{ address: address(2), topics: [word(seed % 5)], data: word(seed % 3) }]],
    })
  }
  /** `length` blocks, each on the one before. */
  branch(parent: Frame | undefined, extra: string, length: number): Frame[] {
    const frames: Frame[] = []
    for (let i = 0; i < length; i++) frames.push(this.block(frames.at(-1) ?? parent, extra, i + 1))
    return frames
  }
}

/** The records of a frame, in `count` parts. */
export function partsOf(frame: Frame, count = 1): FramePart[] {
  const { header } = frame.block
  const bytes = encodeFrame(frame, stored)
  const deltaHash = toHex(frame.deltaHash)
  const [whole] = splitFrame({
    block: refOf(header),
    parent: header.parentHash,
    deltaHash,
    level: frame.level,
    bytes,
  })
  const size = Math.ceil(bytes.length / count)
  return Array.from({ length: count }, (_, index) => ({
    ...(whole as FramePart),
    index,
    count,
    bytes: bytes.subarray(index * size, (index + 1) * size),
  }))
}

/** The same records with one byte changed. */
export function damaged(parts: readonly FramePart[]): FramePart[] {
  return parts.map((part) => ({ ...part, bytes: part.bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }))
}

export function headAt(frame: Frame, finalized?: Frame): RecordBody {
  const mark = finalized && refOf(finalized.block.header)
  const marks = mark && { safe: mark, finalized: mark }
  return { kind: 'headEvent', head: refOf(frame.block.header), checked: [], ...marks }
}

export function beatAt(head: BlockRef): RecordBody {
  return { kind: 'beat', phase: 'serving', head, client: { id: 'c', version: 'v' } }
}
