/** geth's words for the ways in which a run halts (core/vm/errors.go), from revm's names of them. */
import type { Halted } from '#core/evm-values.ts'
import { precompileText } from './precompile-text.ts'

const STACK_ITEMS_MAX = 1_024
const RETURN = 0xf3

const TEXTS: Record<string, string> = {
  InvalidFEOpcode: 'invalid opcode: INVALID',
  InvalidJump: 'invalid jump destination',
  OutOfOffset: 'return data out of bounds',
  CreateCollision: 'contract address collision',
  NonceOverflow: 'nonce uint64 overflow',
  CreateContractSizeLimit: 'max code size exceeded',
  CreateContractStartingWithEF: 'invalid code: must not begin with 0xef',
  CreateInitCodeSizeLimit: 'out of gas: max initcode size exceeded',
  StateChangeDuringStaticCall: 'write protection',
  CallNotAllowedInsideStatic: 'write protection',
  OutOfFunds: 'insufficient balance for transfer',
  OverflowPayment: 'insufficient balance for transfer',
  CallTooDeep: 'max call depth exceeded',
  'OutOfGas(ReentrancySentry)': 'out of gas: not enough gas for reentrancy sentry',
  // Of an offset or length above 32 bits; below 64 bits geth says out of gas, with which nothing else differs.
  'OutOfGas(InvalidOperand)': 'gas uint64 overflow',
}

/** @param creates whether the outermost frame created a contract */
export function haltText(halted: Halted, creates: boolean): string {
  const { reason, opcode, stackItems } = halted
  const known = TEXTS[reason]
  if (known !== undefined) return known
  switch (reason) {
    case 'StackUnderflow':
    case 'StackOverflow':
      // revm calls a DUP or SWAP of what is not there an overflow.
      if (stackItems < STACK_ITEMS_MAX) return `stack underflow (${stackItems} <=> ${operandsOf(opcode)})`
      // Whatever overflows pushes one item more than it takes.
      return `stack limit reached ${stackItems} (${STACK_ITEMS_MAX - 1})`
    case 'OpcodeNotFound':
    case 'NotActivated':
      return `invalid opcode: ${LATER_OPCODES[opcode] ?? `opcode 0x${opcode.toString(16)} not defined`}`
    case 'OutOfGas(Basic)':
      // The init code ran to its end, and what it returned could not be paid for.
      return creates && opcode === RETURN ? 'contract creation code storage out of gas' : 'out of gas'
    default:
      return reason.startsWith('OutOfGas') ? 'out of gas' : ofPrecompile(reason)
  }
}

/** A precompile's own words, where the outermost call is to one. */
function ofPrecompile(reason: string): string {
  const words = /^PrecompileErrorWithContext\("(.*)"\)$/.exec(reason)?.[1]
  return words === undefined ? reason : precompileText(words)
}

/** Stack items that an instruction needs, by opcode. */
function operandsOf(opcode: number): number {
  if (opcode >= 0x80 && opcode <= 0x8f) return opcode - 0x7f
  if (opcode >= 0x90 && opcode <= 0x9f) return opcode - 0x8e
  if (opcode >= 0xa0 && opcode <= 0xa4) return opcode - 0x9e
  return OPERANDS[opcode] ?? 0
}

const OPERANDS: Record<number, number> = {
  0x01: 2, 0x02: 2, 0x03: 2, 0x04: 2, 0x05: 2, 0x06: 2, 0x07: 2, 0x08: 3, 0x09: 3, 0x0a: 2, 0x0b: 2,
  0x10: 2, 0x11: 2, 0x12: 2, 0x13: 2, 0x14: 2, 0x15: 1, 0x16: 2, 0x17: 2, 0x18: 2, 0x19: 1, 0x1a: 2, 0x1b: 2, 0x1c: 2, 0x1d: 2, 0x1e: 1,
  0x20: 2, 0x31: 1, 0x35: 1, 0x37: 3, 0x39: 3, 0x3b: 1, 0x3c: 4, 0x3e: 3, 0x3f: 1, 0x40: 1, 0x49: 1,
  0x50: 1, 0x51: 1, 0x52: 2, 0x53: 2, 0x54: 1, 0x55: 2, 0x56: 1, 0x57: 2, 0x5c: 1, 0x5d: 2, 0x5e: 3,
  0xf0: 3, 0xf1: 7, 0xf2: 7, 0xf3: 2, 0xf4: 6, 0xf5: 4, 0xfa: 6, 0xfd: 2, 0xff: 1,
} // biome-ignore format: one table

/** Names that geth knows for what the fork at hand does not have (core/vm/opcodes.go). */
const LATER_OPCODES: Record<number, string> = {
  0x1b: 'SHL', 0x1c: 'SHR', 0x1d: 'SAR', 0x1e: 'CLZ', 0x3d: 'RETURNDATASIZE', 0x3e: 'RETURNDATACOPY', 0x3f: 'EXTCODEHASH',
  0x46: 'CHAINID', 0x47: 'SELFBALANCE', 0x48: 'BASEFEE', 0x49: 'BLOBHASH', 0x4a: 'BLOBBASEFEE', 0x4b: 'SLOTNUM',
  0x5c: 'TLOAD', 0x5d: 'TSTORE', 0x5e: 'MCOPY', 0x5f: 'PUSH0', 0xd0: 'DATALOAD', 0xd1: 'DATALOADN', 0xd2: 'DATASIZE', 0xd3: 'DATACOPY',
  0xe0: 'RJUMP', 0xe1: 'RJUMPI', 0xe2: 'RJUMPV', 0xe3: 'CALLF', 0xe4: 'RETF', 0xe5: 'JUMPF', 0xe6: 'DUPN', 0xe7: 'SWAPN', 0xe8: 'EXCHANGE',
  0xec: 'EOFCREATE', 0xee: 'RETURNCONTRACT', 0xf4: 'DELEGATECALL', 0xf5: 'CREATE2', 0xf7: 'RETURNDATALOAD', 0xf8: 'EXTCALL',
  0xf9: 'EXTDELEGATECALL', 0xfa: 'STATICCALL', 0xfb: 'EXTSTATICCALL', 0xfd: 'REVERT',
} // biome-ignore format: one table
