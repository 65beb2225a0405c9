/**
 * The door to the WebAssembly core. One module per thread, installed once by the composition root; a *hash* instance that no host import
 * ever enters, and *EVM* instances made anew after a trap. The module is deterministic: the same on every platform and in the simulation.
 */
import { assert } from '#kernel/assert.ts'
import { fromUtf8 } from '#kernel/bytes.ts'

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

/** An instance with its memory as bytes, renewed whenever the memory has grown. */
export class CoreInstance {
  readonly exports: CoreExports
  /** What the core said when it panicked. */
  panicText = ''
  #bytes = new Uint8Array(0)

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
    const { buffer } = this.exports.memory
    if (this.#bytes.buffer !== buffer) this.#bytes = new Uint8Array(buffer)
    return this.#bytes
  }

  /** Copies bytes into the input buffer. */
  input(bytes: Uint8Array): void {
    const at = this.exports.in_buf(bytes.length)
    assert(at !== 0, 'an input is below the limit of the core (INPUT_BYTES_MAX)')
    this.memory().set(bytes, at)
  }

  /** A copy of the output buffer. */
  output(): Uint8Array {
    const at = this.exports.out_ptr()
    return this.memory().slice(at, at + this.exports.out_len())
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
let installed: { readonly module: WebAssembly.Module; readonly hash: CoreInstance } | undefined

/** Gives this thread its core. Called once by the composition root of each thread, and by tests. */
export function installCore(module: WebAssembly.Module): void {
  installed ??= { module, hash: new CoreInstance(module, unreachableImports) }
}

/** The instance for hashing and recovery: never entered by host imports, so safe to use inside them. */
export function hashInstance(): CoreInstance {
  assert(installed !== undefined, 'installCore has run in this thread')
  return installed.hash
}

/** A fresh EVM instance (about 0.3 ms). */
export function newInstance(imports: CoreImports): CoreInstance {
  assert(installed !== undefined, 'installCore has run in this thread')
  return new CoreInstance(installed.module, imports)
}
