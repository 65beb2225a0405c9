/** What geth says where revm says something else: halts of the EVM and transactions that cannot run. */

const HALTS: Record<string, string> = {
  OutOfGas: 'out of gas',
  OpcodeNotFound: 'invalid opcode',
  InvalidFEOpcode: 'invalid opcode: INVALID',
  InvalidJump: 'invalid jump destination',
  NotActivated: 'invalid opcode',
  StackUnderflow: 'stack underflow',
  StackOverflow: 'stack limit reached 1024 (1023)',
  OutOfOffset: 'return data out of bounds',
  CreateCollision: 'contract address collision',
  PrecompileError: 'precompile failed',
  PrecompileErrorWithContext: 'precompile failed',
  NonceOverflow: 'nonce uint64 overflow',
  CreateContractSizeLimit: 'max code size exceeded',
  CreateContractStartingWithEF: 'invalid code: must not begin with 0xef',
  CreateInitCodeSizeLimit: 'max initcode size exceeded',
  StateChangeDuringStaticCall: 'write protection',
  CallNotAllowedInsideStatic: 'write protection',
  OutOfFunds: 'insufficient balance for transfer',
  CallTooDeep: 'max call depth exceeded',
}

/** @param reason revm's debug form, such as `OutOfGas(Basic)` */
export function haltText(reason: string): string {
  return HALTS[reason.replace(/\W.*$/s, '')] ?? reason
}

/** Why a transaction cannot run at all, and whether more gas would help. */
export interface Refusal {
  readonly text: string
  readonly needsGas: boolean
}

/** @param reason revm's debug form, such as `Transaction(CallGasCostMoreThanGasLimit { initial_gas: 21000, gas_limit: 0 })` */
export function refusalText(reason: string): Refusal {
  const number = (name: string): string => new RegExp(`${name}: (\\d+)`).exec(reason)?.[1] ?? '?'
  if (reason.includes('CallGasCostMoreThanGasLimit')) {
    return {
      text: `intrinsic gas too low: have ${number('gas_limit')}, want ${number('initial_gas')}`,
      needsGas: true,
    }
  }
  if (reason.includes('GasFloorMoreThanGasLimit')) {
    const text = `insufficient gas for floor data gas cost: have ${number('gas_limit')}, want ${number('gas_floor')}`
    return { text, needsGas: true }
  }
  if (reason.includes('CreateInitCodeSizeLimit'))
    return { text: 'max initcode size exceeded', needsGas: false }
  if (reason.includes('EmptyAuthorizationList'))
    return { text: 'EIP-7702 transaction with empty auth list', needsGas: false }
  if (reason.includes('EmptyBlobs')) return { text: 'blob transaction missing blob hashes', needsGas: false }
  if (reason.includes('BlobVersionNotSupported'))
    return { text: 'blob transaction has invalid blob hash version', needsGas: false }
  if (reason.includes('BlobGasPriceGreaterThanMax'))
    return { text: 'max fee per blob gas less than block blob gas fee', needsGas: false }
  if (reason.includes('PriorityFeeGreaterThanMaxFee'))
    return { text: 'max priority fee per gas higher than max fee per gas', needsGas: false }
  return { text: reason, needsGas: false }
}
