/** EVM code for tests, written as it reads: names of instructions and hex of what is pushed. */
import { bigintTo, concatBytes, fromHex } from '#kernel/bytes.ts'

const OPCODES: Record<string, number> = {
  STOP: 0x00, ADD: 0x01, MUL: 0x02, SUB: 0x03, ISZERO: 0x15, KECCAK256: 0x20, ADDRESS: 0x30, BALANCE: 0x31, ORIGIN: 0x32, CALLER: 0x33,
  CALLVALUE: 0x34, CALLDATALOAD: 0x35, CALLDATASIZE: 0x36, CALLDATACOPY: 0x37, CODECOPY: 0x39, GASPRICE: 0x3a, EXTCODESIZE: 0x3b,
  RETURNDATASIZE: 0x3d, RETURNDATACOPY: 0x3e, BLOCKHASH: 0x40, COINBASE: 0x41, TIMESTAMP: 0x42, NUMBER: 0x43, PREVRANDAO: 0x44,
  GASLIMIT: 0x45, CHAINID: 0x46, SELFBALANCE: 0x47, BASEFEE: 0x48, BLOBHASH: 0x49, BLOBBASEFEE: 0x4a, POP: 0x50, MLOAD: 0x51,
  MSTORE: 0x52, SLOAD: 0x54, SSTORE: 0x55, JUMP: 0x56, JUMPI: 0x57, GAS: 0x5a, JUMPDEST: 0x5b, MCOPY: 0x5e, PUSH0: 0x5f, DUP1: 0x80,
  SWAP1: 0x90, LOG0: 0xa0, LOG1: 0xa1, CREATE: 0xf0, CALL: 0xf1, RETURN: 0xf3, DELEGATECALL: 0xf4, CREATE2: 0xf5, STATICCALL: 0xfa,
  REVERT: 0xfd, INVALID: 0xfe, SELFDESTRUCT: 0xff,
} // biome-ignore format: one table

/** `code('1 0 SSTORE STOP')`: a name is an instruction, a decimal or 0x number is pushed in as few bytes as it needs, `.0c` is one byte. */
export function code(text: string): Uint8Array {
  const words = text.split(/\s+/).filter((word) => word !== '')
  return concatBytes(...words.map(assemble))
}

function assemble(word: string): Uint8Array {
  if (word.startsWith('.')) return fromHex(`0x${word.slice(1)}`)
  const opcode = OPCODES[word]
  if (opcode !== undefined) return Uint8Array.of(opcode)
  const value = BigInt(word)
  const width = Math.max(1, Math.ceil(value.toString(16).length / 2))
  return concatBytes(Uint8Array.of(0x5f + width), bigintTo(value, width))
}

/** Returns the one item that `body` leaves on the stack. */
export function returning(body: string): Uint8Array {
  return code(`${body} 0 MSTORE 32 0 RETURN`)
}

/** Init code that deploys `runtime`. */
export function deploying(runtime: Uint8Array): Uint8Array {
  // PUSH2 length, DUP1, PUSH1 offset of the runtime, 0, CODECOPY, 0, RETURN: 12 bytes before it.
  const length = bigintTo(BigInt(runtime.length), 2)
  const head = concatBytes(Uint8Array.of(0x61), length, code('DUP1 12 0 CODECOPY 0 RETURN'))
  return concatBytes(head, runtime)
}
