/** Keccak-256 over the module that does nothing else. */
import { INPUT_AT, type KeccakExports, keccakModule, RATE_BYTES } from './keccak-module.ts'

const STATE_BYTES = 200
const HASH_BYTES = 32
/** What one page of memory holds. */
const BLOCKS_AT_ONCE = 400
const PAGE_BYTES = BLOCKS_AT_ONCE * RATE_BYTES
/** Keccak's padding: its first bit, and its last. */
const FIRST = 0x01
const LAST = 0x80

export class KeccakInstance {
  readonly #exports: KeccakExports
  readonly #bytes: Uint8Array

  constructor() {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(keccakModule()))
    this.#exports = instance.exports as unknown as KeccakExports
    this.#bytes = new Uint8Array(this.#exports.memory.buffer)
  }

  /** 32 bytes. */
  hash(data: Uint8Array): Uint8Array {
    const bytes = this.#bytes
    bytes.fill(0, 0, STATE_BYTES)
    let at = 0
    for (; data.length - at >= PAGE_BYTES; at += PAGE_BYTES) {
      bytes.set(data.subarray(at, at + PAGE_BYTES), INPUT_AT)
      this.#exports.absorb(INPUT_AT, BLOCKS_AT_ONCE)
    }
    const left = data.length - at
    const blocks = Math.floor(left / RATE_BYTES) + 1
    const end = INPUT_AT + blocks * RATE_BYTES
    bytes.set(at === 0 ? data : data.subarray(at), INPUT_AT)
    bytes.fill(0, INPUT_AT + left, end)
    pad(bytes, INPUT_AT + left, FIRST)
    pad(bytes, end - 1, LAST)
    this.#exports.absorb(INPUT_AT, blocks)
    return bytes.slice(0, HASH_BYTES)
  }
}

function pad(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = (bytes[at] as number) ^ bits
}
