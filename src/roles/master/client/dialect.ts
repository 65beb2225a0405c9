/**
 * One dialect of errors, whatever client a master has: geth's, so that a failover changes no message that wallets match on
 * (viem and ethers match texts and retry by code). Only what is known to differ is touched; all else passes as the client said it.
 */
import type { RpcError } from './calls.ts'

interface Rewrite {
  readonly from: RegExp
  readonly code: number
  /** Undefined: the client's own words, their first letter lower. */
  readonly message?: string
}

/** Seen on anvil 1.7.1 (its -32003, upper case letters, -32602 for what geth calls -32000) and reth; the first that matches counts. */
const REWRITES: readonly Rewrite[] = [
  { from: /^transaction already imported|^already known/i, code: -32000, message: 'already known' },
  { from: /^nonce too (low|high)/i, code: -32000 },
  { from: /^insufficient funds for gas \* price \+ value/i, code: -32000 },
  { from: /^(replacement )?transaction underpriced/i, code: -32000 },
  { from: /^max fee per gas less than block base fee/i, code: -32000 },
  { from: /^max priority fee per gas higher than max fee per gas/i, code: -32000 },
  { from: /^intrinsic gas too low/i, code: -32000 },
  {
    from: /^intrinsic gas too high|^tx\.gas_limit > env\.block\.gas_limit/i,
    code: -32000,
    message: 'exceeds block gas limit',
  },
  { from: /^invalid chain id for signer/i, code: -32000 },
  {
    from: /^failed to decode (signed )?transaction|^empty transaction data/i,
    code: -32000,
    message: 'rlp: the transaction cannot be decoded',
  },
  { from: /^BlockOutOfRangeError|^block not found: /i, code: -32000, message: 'header not found' },
]

/** The client's error as geth would have said it; `data` passes unchanged (revert data is the same everywhere). */
export function toGethDialect(method: string, error: RpcError): RpcError {
  if (error.code === -32601) return methodNotFound(method)
  const rewrite = REWRITES.find(({ from }) => from.test(error.message))
  if (rewrite === undefined) return error
  return { ...error, code: rewrite.code, message: rewrite.message ?? lowerFirst(error.message) }
}

export function methodNotFound(method: string): RpcError {
  return { code: -32601, message: `the method ${method} does not exist/is not available` }
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}
