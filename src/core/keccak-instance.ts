/** Keccak-256 over the module that does nothing else. */
import { INPUT_AT, type KeccakExports, keccakModule, RATE_BYTES } from './keccak-module.ts'

const STATE_BYTES = 200
const HASH_BYTES = 32
/** What one page of memory holds. */
const BLOCKS_AT_ONCE = 400
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
    const whole = data.length - (data.length % RATE_BYTES)
    for (let at = 0; at < whole; ) {
      const end = Math.min(whole, at + BLOCKS_AT_ONCE * RATE_BYTES)
      bytes.set(data.subarray(at, end), INPUT_AT)
      this.#exports.absorb(INPUT_AT, (end - at) / RATE_BYTES)
      at = end
    }
    bytes.fill(0, INPUT_AT, INPUT_AT + RATE_BYTES)
    bytes.set(whole === 0 ? data : data.subarray(whole), INPUT_AT)
    pad(bytes, INPUT_AT + data.length - whole, FIRST)
    pad(bytes, INPUT_AT + RATE_BYTES - 1, LAST)
    this.#exports.absorb(INPUT_AT, 1)
    return bytes.slice(0, HASH_BYTES)
  }
}

function pad(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = (bytes[at] as number) ^ bits
}
