/**
 * One EVM instance: calls and block sessions on state that a host gives synchronously. A host read that throws ends the run and is thrown
 * again here; a read that is *missing* ends it with the keys named; a trap ends the instance, and the next run starts on a new one.
 */
import { assert } from '#kernel/assert.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { type CoreInstance, newInstance } from './core.ts'
import {
  decodeChanges,
  decodeOutcome,
  encodeCredit,
  encodeEnvironment,
  encodeSystemCall,
  encodeTransaction,
} from './evm-codec.ts'
import { FlatWriter } from './flat-bytes.ts'
import type { BlockChanges, EvmEnvironment, EvmOutcome, EvmTransaction, HostState } from './evm-values.ts'
import { createHost } from './host-imports.ts'

/** Of most inputs; the writer grows for others. */
const INPUT_BYTES = 1_024
/** Analysed bytecode kept by an instance. */
export const CODE_CACHE_BYTES = 64 * 1024 * 1024

/** Every run throws Fault core/trap after a trap, core/failed where revm gave up, and whatever the host's state threw. */
export interface Evm {
  /** Binds state and block for the runs that follow. `expired` is asked every few thousand jumps; true ends the run as a timeout. */
  bind(state: HostState, environment: EvmEnvironment, expired?: () => boolean): void
  /** One transaction whose changes are dropped. */
  call(transaction: EvmTransaction): EvmOutcome
  /** Begins a block session, forgetting any other: what follows is kept in it until `finish`. */
  begin(): void
  /** What follows has this index in the block's access list (EIP-7928); 0 after `begin`. */
  accessIndex(index: number): void
  transact(transaction: EvmTransaction): EvmOutcome
  /** A call by the system address, kept in the session. */
  systemCall(address: Uint8Array, data: Uint8Array): EvmOutcome
  /** Adds wei to an account, in the session. 'missing' where its state is. */
  credit(address: Uint8Array, wei: bigint): 'credited' | Extract<EvmOutcome, { kind: 'missing' }>
  /** The net change of the session, and its end. */
  finish(): BlockChanges
  /** Ends the session without asking what it changed. */
  abandon(): void
  /** Gives back its memory, unless a session is open. */
  drop(): void
}

// Part of the one singleton that a thread may have (core.ts): an instance costs 9 MB, and its code cache lives from run to run.
let ofThread: Evm | undefined

/** Those that this thread has made and still holds. */
const made = new Set<WeakRef<Evm>>()

/** Gives back the instances of this thread with their caches and the memory that runs have grown; the next run makes them anew. */
export function dropInstances(): void {
  for (const ref of made) {
    const evm = ref.deref()
    if (evm === undefined) made.delete(ref)
    else evm.drop()
  }
}

/** The EVM of this thread. Runs do not interleave: bind, run, and read the outcome in one turn. */
export function threadEvm(): Evm {
  ofThread ??= createEvm()
  return ofThread
}

export function createEvm(): Evm {
  let environment: EvmEnvironment | undefined
  let instance: CoreInstance | undefined
  let running = false
  let session = false
  /** Of inputs. */
  const writer = new FlatWriter(INPUT_BYTES)

  const core = (): CoreInstance => {
    if (instance === undefined) {
      instance = newInstance(host.imports)
      instance.exports.code_cache(CODE_CACHE_BYTES)
      if (environment !== undefined) send(instance, environment)
    }
    return instance
  }
  const host = createHost(core)

  /** What trapped keeps a leaked stack, so the next run gets another. An import may trap too, where it allocates. */
  const trapped = (cause: unknown): Fault => {
    const said = instance?.panicText || messageOf(cause)
    instance = undefined
    return new Fault('core/trap', `the EVM core failed: ${said}`, {}, { cause })
  }
  /** Runs one export. */
  const enter = <T>(run: (core: CoreInstance) => T): T => {
    assert(!running, 'a host import never enters the instance that called it')
    host.thrown = undefined
    if (host.missing.length > 0) host.missing = []
    const entered = core()
    running = true
    try {
      return run(entered)
    } catch (cause) {
      throw trapped(cause)
    } finally {
      running = false
    }
  }
  const outcomeOf = (input: Uint8Array, run: (core: CoreInstance) => void): EvmOutcome => {
    const output = enter((entered) => {
      entered.input(input)
      run(entered)
      return entered.outputView()
    })
    rethrow()
    return decodeOutcome(output, host.missing)
  }
  const rethrow = (): void => {
    if (host.thrown === undefined) return
    const { by } = host.thrown
    if (by instanceof WebAssembly.RuntimeError) throw trapped(by)
    throw by
  }

  const evm: Evm = {
    bind(state, bound, expired = () => false) {
      host.state = state
      host.expired = expired
      if (environment === bound && instance !== undefined) return
      environment = bound
      enter((entered) => send(entered, bound))
    },
    call(transaction) {
      const input = encodeTransaction(writer, transaction)
      return outcomeOf(input, ({ exports }) => exports.call(input.length))
    },
    begin() {
      expectDone(enter(({ exports }) => exports.block_begin()))
      session = true
    },
    accessIndex(index) {
      expectDone(enter(({ exports }) => exports.block_access_index(index)))
    },
    transact(transaction) {
      const input = encodeTransaction(writer, transaction)
      return outcomeOf(input, ({ exports }) => exports.block_tx(input.length))
    },
    systemCall(address, data) {
      const input = encodeSystemCall(writer, address, data)
      return outcomeOf(input, ({ exports }) => exports.block_system_call(input.length))
    },
    credit(address, wei) {
      const input = encodeCredit(writer, address, wei)
      const status = enter((entered) => {
        entered.input(input)
        return entered.exports.block_credit(input.length)
      })
      rethrow()
      if (host.missing.length > 0) return { kind: 'missing', keys: host.missing }
      expectDone(status)
      return 'credited'
    },
    finish() {
      session = false
      return decodeChanges(
        enter((entered) => {
          expectDone(entered.exports.block_finish())
          return entered.output()
        }),
      )
    },
    abandon() {
      session = false
      enter(({ exports }) => exports.block_abandon())
    },
    drop() {
      if (!running && !session) instance = undefined
    },
  }
  made.add(new WeakRef(evm))
  return evm
}

function send(core: CoreInstance, environment: EvmEnvironment): void {
  const bytes = encodeEnvironment(environment)
  core.input(bytes)
  expectDone(core.exports.set_env(bytes.length))
}

function expectDone(status: number): void {
  assert(status === 0, 'the core knows this layout and this order of calls')
}
