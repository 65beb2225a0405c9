/**
 * The host side of the EVM's imports. An import never throws into WebAssembly, where it would unwind past Rust: what a state read throws
 * is kept and thrown again after Rust has returned, and a read that is missing is noted. Either ends the run.
 */
import { assert } from '#kernel/assert.ts'
import { toHex } from '#kernel/bytes.ts'
import type { CoreImports, CoreInstance } from './core.ts'
import type { HostState, MissingKey } from './evm-values.ts'

const ACCOUNT_BYTES = 72
/** The EVM stops at the first missing key, so more would be a bug of ours; a bound all the same. */
const MISSING_KEYS_MAX = 16

/** What the imports of one instance read, and what happened in them since the run began. */
export interface Host {
  readonly imports: CoreImports
  state: HostState | undefined
  expired: () => boolean
  thrown: { readonly by: unknown } | undefined
  missing: MissingKey[]
}

/** @param core the instance that calls these imports */
export function createHost(core: () => CoreInstance): Host {
  const bytes = (at: number, length: number): Uint8Array => core().view(at, length)
  const state = (): HostState => {
    assert(host.state !== undefined, 'state is bound before a run')
    return host.state
  }
  const failed = (by: unknown): number => {
    host.thrown = { by }
    return -1
  }
  const noted = (key: MissingKey): number => {
    if (host.missing.length < MISSING_KEYS_MAX) host.missing.push(key)
    return -1
  }
  const host: Host = {
    state: undefined,
    expired: () => false,
    thrown: undefined,
    missing: [],
    imports: {
      account(address, out) {
        try {
          const found = state().account(bytes(address, 20), bytes(out, ACCOUNT_BYTES))
          return found < 0 ? noted({ kind: 'account', address: toHex(bytes(address, 20)) }) : found
        } catch (by) {
          return failed(by)
        }
      },
      storage(address, slot, out) {
        try {
          const found = state().slot(bytes(address, 20), bytes(slot, 32), bytes(out, 32))
          if (found >= 0) return found
          return noted({ kind: 'slot', address: toHex(bytes(address, 20)), slot: toHex(bytes(slot, 32)) })
        } catch (by) {
          return failed(by)
        }
      },
      code(hash, outPointer) {
        try {
          const code = state().code(bytes(hash, 32))
          return code === undefined
            ? noted({ kind: 'code', hash: toHex(bytes(hash, 32)) })
            : handOver(core(), code, outPointer)
        } catch (by) {
          return failed(by)
        }
      },
      block_hash(low, high, out) {
        const number = (high >>> 0) * 2 ** 32 + (low >>> 0)
        try {
          const found = state().blockHash(number, bytes(out, 32))
          return found < 0 ? noted({ kind: 'blockHash', number }) : found
        } catch (by) {
          return failed(by)
        }
      },
      tick() {
        try {
          return host.expired() ? 1 : 0
        } catch (by) {
          host.thrown = { by }
          return 1
        }
      },
    },
  }
  return host
}

/** Code goes over in memory that the core allocates and then owns. Its length. */
function handOver(core: CoreInstance, code: Uint8Array, outPointer: number): number {
  if (code.length === 0) return 0
  const pointer = core.exports.alloc(code.length)
  const memory = core.memory()
  memory.set(code, pointer)
  new DataView(memory.buffer).setUint32(outPointer, pointer, true)
  return code.length
}
