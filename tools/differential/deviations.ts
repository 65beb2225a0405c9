/** Where Drover differs from geth on purpose: by name, each described in docs/errors.md. Everything else that differs is a defect. */
import type { Request } from './requests.ts'
import { Fields, jsonText, Raw } from './json-text.ts'

export interface Answers {
  readonly request: Request
  readonly geth: Answer
  readonly ours: Answer
  /** Who answered for Drover. */
  readonly by: 'replica' | 'gateway'
  /** Hashes of blocks that were reorganised away. */
  readonly sides: readonly string[]
}
export interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code?: unknown; readonly message?: string; readonly data?: unknown }
}

/** What stands for geth's answer where there was none. */
export const NO_ANSWER: Answer = { error: { message: 'no answer within a minute' } }
const TOO_LONG = /^(execution aborted \(timeout|request timed out|no answer within a minute)/

export const DEVIATIONS = {
  /** Who answers says its own name. */
  'client-version': ({ request }) => request.method === 'web3_clientVersion',
  /** What can be asked about which blocks differs, and is said in the same form. */
  capabilities: ({ request, ours }) => request.method === 'eth_capabilities' && ours.error === undefined,
  /** A replica alone has no pending block, and says so; behind a gateway a master is asked, but not for raw blocks. */
  pending: ({ request, ours, by }) =>
    (by === 'replica' || request.method.startsWith('debug_')) &&
    jsonText(request.params).includes('"pending"') &&
    /^pending (block|state) is not available$/.test(ours.error?.message ?? ''),
  /** A replica alone has no pool; behind a gateway a master's client is asked. */
  'client-only': ({ ours, by }) =>
    by === 'replica' &&
    ours.error?.message === 'only an execution client can do this, and none can be asked here',
  /** The trie is the chain's own: of a block that was reorganised away a replica alone has no proofs. */
  'side-proof': ({ request, ours, by, sides }) => {
    const text = jsonText(request.params).toLowerCase()
    return (
      by === 'replica' &&
      request.method === 'eth_getProof' &&
      ours.error !== undefined &&
      sides.some((hash) => text.includes(hash))
    )
  },
  /** Precompiles are built into the core: one that would be overridden or moved is refused. */
  'precompile-override': ({ ours }) =>
    /^overriding or moving the precompile 0x\w{40} is not supported$/.test(ours.error?.message ?? ''),
  /** Block numbers and times are exact up to 2^53, fees have their bits; a call cannot pretend to be above. */
  'large-block-override': ({ ours }) =>
    /^block override "\w+" of 2\^\d+ and more is not supported$/.test(ours.error?.message ?? ''),
  /** An input that is refused by a precompile that could not be paid for either: geth looks at the gas first, the core at some lengths. */
  'precompile-gas': ({ geth, ours }) =>
    /^(out of gas$|gas required exceeds allowance)/.test(geth.error?.message ?? '') &&
    ours.error?.message === 'invalid input length',
  /** A call that takes one of the two longer than its time, or geth longer than a minute (its estimates have no limit). */
  'too-long': ({ geth, ours }) => [geth, ours].some(({ error }) => TOO_LONG.test(error?.message ?? '')),
  /** Where geth's own handler panics. */
  crash: ({ geth }) => geth.error?.code === -32_603 && geth.error.message === 'method handler crashed',
  /** An instruction that cannot run, and cannot be paid for either: geth looks at the gas last, the core first. */
  'gas-first': ({ geth, ours }) =>
    /^(stack (underflow|limit reached)|invalid opcode)/.test(geth.error?.message ?? '') &&
    /^(out of gas$|gas required exceeds allowance)/.test(ours.error?.message ?? ''),
  /** A number is read as a number, however it was written; geth refuses `1e1` where digits are meant. */
  'number-form': ({ request: { method, params } }) =>
    method === 'eth_feeHistory' && Array.isArray(params) && params[0] instanceof Raw,
  /** Of a key that comes twice the last counts; geth also refuses what is wrong with the first. */
  'repeated-key': ({ request }) => hasRepeatedKey(request.params),
} satisfies Record<string, (answers: Answers) => boolean>

export type Deviation = keyof typeof DEVIATIONS

export function deviationOf(answers: Answers): Deviation | undefined {
  return (Object.keys(DEVIATIONS) as Deviation[]).find((name) => DEVIATIONS[name](answers))
}

function hasRepeatedKey(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasRepeatedKey)
  if (!(value instanceof Fields)) return false
  const keys = value.entries.map(([key]) => key)
  return new Set(keys).size < keys.length || value.entries.some(([, each]) => hasRepeatedKey(each))
}
