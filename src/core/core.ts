/**
 * The door to the WebAssembly core. One module per thread, installed once by the composition root; a *hash* instance that no host import
 * ever enters, and *EVM* instances made anew after a trap. The module is deterministic: the same on every platform and in the simulation.
 */
import { assert } from '#kernel/assert.ts'
import { fromUtf8 } from '#kernel/bytes.ts'
import { KeccakInstance } from './keccak-instance.ts'

/** The raw exports of `evm-core/src/`. Numbers given back are a `Status` of codec.rs, 0 for done, unless they are lengths and pointers. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory
  alloc(length: number): number
  in_buf(length: number): number
  out_ptr(): number
  out_len(): number
  keccak(length: number): void
  sha256(length: number): void
  recover(): number
  code_cache(limitBytes: number): number
  set_env(length: number): number
  call(length: number): void
  block_begin(): number
  block_access_index(index: number): number
  block_tx(length: number): void
  block_system_call(length: number): void
  block_credit(length: number): number
  block_finish(): number
  block_abandon(): void
}

/** The imports of `evm-core/src/host.rs`: pointers into the instance's memory; a negative answer ends the run. */
export interface CoreImports {
  account(address: number, out: number): number
  storage(address: number, slot: number, out: number): number
  code(hash: number, outPointer: number): number
  block_hash(low: number, high: number, out: number): number
  tick(): number
}

/** Places of the memory whose views are kept; a power of two. */
const VIEWS = 64

/** An instance with its memory as bytes, renewed whenever the memory has grown. */
export class CoreInstance {
  readonly exports: CoreExports
  /** What the core said when it panicked. */
  panicText = ''
  #bytes = new Uint8Array(0)
  readonly #views: Uint8Array[] = []

  constructor(module: WebAssembly.Module, imports: CoreImports) {
    const host = {
      ...imports,
      panic: (at: number, length: number) => {
        this.panicText = fromUtf8(this.memory().slice(at, at + length))
      },
    }
    this.exports = new WebAssembly.Instance(module, { host }).exports as unknown as CoreExports
  }

  /** Valid until the instance allocates. */
  memory(): Uint8Array {
    // A memory that has grown leaves its old bytes empty: to see that costs less than to ask for its buffer.
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.exports.memory.buffer)
    return this.#bytes
  }

  /** A view of the memory, valid until the instance allocates. Runs use the same few places again and again, so views are kept. */
  view(at: number, length: number): Uint8Array {
    const slot = ((at >>> 2) ^ (at >>> 9)) & (VIEWS - 1)
    const known = this.#views[slot]
    if (known !== undefined && known.length === length && known.byteOffset === at) return known
    const fresh = this.memory().subarray(at, at + length)
    this.#views[slot] = fresh
    return fresh
  }

  /** Copies bytes into the input buffer. */
  input(bytes: Uint8Array): void {
    const at = this.exports.in_buf(bytes.length)
    assert(at !== 0, 'an input is below the limit of the core (INPUT_BYTES_MAX)')
    this.memory().set(bytes, at)
  }

  /** A copy of the output buffer. */
  output(): Uint8Array {
    return this.outputView().slice()
  }

  /** The output buffer itself, until the next run. */
  outputView(): Uint8Array {
    return this.view(this.exports.out_ptr(), this.exports.out_len())
  }
}

const unreachableImports: CoreImports = {
  account: () => -1,
  storage: () => -1,
  code: () => -1,
  block_hash: () => -1,
  tick: () => 1,
}

// The one allowed singleton of this thread (architecture §11): pure code hashes everywhere, and passing a hasher through it all says nothing.
let installed:
  | { readonly module: WebAssembly.Module; readonly hash: CoreInstance; readonly keccak: KeccakInstance }
  | undefined

/** Gives this thread its core. Called once by the composition root of each thread, and by tests. */
export function installCore(module: WebAssembly.Module): void {
  installed ??= { module, hash: new CoreInstance(module, unreachableImports), keccak: new KeccakInstance() }
}

/** The instance for hashing and recovery: never entered by host imports, so safe to use inside them. */
export function hashInstance(): CoreInstance {
  assert(installed !== undefined, 'installCore has run in this thread')
  return installed.hash
}

/** Hashes only, and faster than the core. */
export function keccakInstance(): KeccakInstance {
  assert(installed !== undefined, 'installCore has run in this thread')
  return installed.keccak
}

/** A fresh EVM instance (about 0.3 ms). */
export function newInstance(imports: CoreImports): CoreInstance {
  assert(installed !== undefined, 'installCore has run in this thread')
  return new CoreInstance(installed.module, imports)
}
