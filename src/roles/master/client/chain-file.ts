/**
 * A chain in a file: blocks as RLP, one after another, as execution clients export them (the genesis may be among them). Read in pieces, so
 * a file of any size takes little memory.
 */
import { blockFromRlp, type SenderlessBlock } from '#chain/block/block-rlp.ts'
import type { Header } from '#chain/header/header.ts'
import { headerFromRlp } from '#chain/header/header-rlp.ts'
import { decodeRlp, decodeRlpAt, encodeRlp } from '#chain/codec/rlp.ts'
import { concatBytes } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'

/** What is read of a file. */
export interface ReadableFile {
  size(): Promise<number>
  /** Up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** One block as it stands in the file. */
export interface FileBlock {
  /** Its place, in bytes from the file's beginning. */
  readonly at: number
  readonly end: number
  readonly rlp: Uint8Array
}

const READ_BYTES = 4 * 1024 * 1024
/** More than any block: what claims more is no block. */
const BLOCK_BYTES_MAX = 64 * 1024 * 1024
const LIST_PREFIX = 0xc0
const LONG_LIST_PREFIX = 0xf7

/** @throws Fault import/malformed */
export async function* blocksIn(file: ReadableFile): AsyncGenerator<FileBlock, void, undefined> {
  const size = await file.size()
  let buffer: Uint8Array = new Uint8Array(0)
  /** Of the buffer in the file, and of the next block in the buffer. */
  let from = 0
  let next = 0
  const has = async (length: number): Promise<boolean> => {
    if (buffer.length - next >= length) return true
    const rest = buffer.subarray(next)
    const more = await file.read(from + buffer.length, Math.max(READ_BYTES, length - rest.length))
    from += next
    next = 0
    buffer = concatBytes(rest, more)
    return buffer.length >= length
  }
  while (from + next < size) {
    const at = from + next
    await has(LENGTH_BYTES_MAX)
    const length = lengthOf(buffer, next)
    if (length === undefined || length > BLOCK_BYTES_MAX) throw malformed(at, 'no block begins there')
    if (!(await has(length))) throw malformed(at, 'the file ends within a block')
    const rlp = buffer.slice(next, next + length)
    next += length
    yield { at, end: at + length, rlp }
  }
}

const LENGTH_BYTES_MAX = 5

/** Of the list that begins there, its prefix included; undefined where none does. */
function lengthOf(bytes: Uint8Array, at: number): number | undefined {
  const prefix = bytes[at] ?? 0
  if (prefix < LIST_PREFIX) return undefined
  if (prefix <= LONG_LIST_PREFIX) return 1 + prefix - LIST_PREFIX
  const lengthBytes = prefix - LONG_LIST_PREFIX
  if (lengthBytes >= LENGTH_BYTES_MAX) return undefined
  let length = 0
  for (let i = 1; i <= lengthBytes; i++) length = length * 256 + (bytes[at + i] ?? 0)
  return 1 + lengthBytes + length
}

/** Only the header: for blocks that are passed over. @param number what the block should be, if known @throws Fault import/malformed */
export function headerIn({ at, rlp }: FileBlock, number?: number): Header {
  return decoding(at, number, () => {
    const prefix = rlp[0] as number
    const from = prefix <= LONG_LIST_PREFIX ? 1 : 1 + prefix - LONG_LIST_PREFIX
    return headerFromRlp(encodeRlp(decodeRlpAt(rlp, from).item))
  })
}

/** @throws Fault import/malformed */
export function blockIn({ at, rlp }: FileBlock, number: number): SenderlessBlock {
  return decoding(at, number, () => blockFromRlp(decodeRlp(rlp)))
}

function decoding<T>(at: number, number: number | undefined, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause
    throw malformed(
      at,
      number === undefined ? messageOf(cause) : `in block ${number}, ${messageOf(cause)}`,
      cause,
    )
  }
}

function malformed(at: number, why: string, cause?: unknown): Fault {
  return new Fault(
    'import/malformed',
    `the chain file is not blocks as RLP: at byte ${at}, ${why}`,
    { at },
    { cause },
  )
}
