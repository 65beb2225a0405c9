/** The chain of every simulation: Ethereum's rules up to Cancun from the first block on, some funded accounts, and one small contract. */
import type { Genesis } from '#chain/fork/genesis.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { code } from '#evm/testing/bytecode.ts'
import { fromHex, toHex } from '#kernel/bytes.ts'

export const CHAIN_ID = 1_337n
/** Of accounts that send, at the beginning. */
export const FUNDS_WEI = 10n ** 24n
export const SENDERS = 6
/** Takes a slot and a value, stores it, and logs the value under the slot's number. */
export const NOTEBOOK_CODE = code(
  '32 CALLDATALOAD 0 CALLDATALOAD SSTORE 32 CALLDATALOAD 0 MSTORE 0 CALLDATALOAD 32 0 LOG1 STOP',
)

export const notebook = address(0x0c0de)

const FORKS = [
  'homesteadBlock', 'eip150Block', 'eip155Block', 'eip158Block', 'byzantiumBlock', 'constantinopleBlock', 'petersburgBlock', 'istanbulBlock',
  'berlinBlock', 'londonBlock', 'terminalTotalDifficulty', 'shanghaiTime', 'cancunTime',
] // biome-ignore format: one table

export function address(n: number): Uint8Array {
  return fromHex(`0x10${n.toString(16).padStart(38, '0')}`)
}
export function sender(i: number): Uint8Array {
  return address(0x5000 + i)
}

export function createGenesis(): Genesis {
  const funded = Array.from({ length: SENDERS }, (_, i) => [
    toHex(sender(i)),
    { balance: `0x${FUNDS_WEI.toString(16)}` },
  ])
  return parseGenesis(
    JSON.stringify({
      config: {
        chainId: Number(CHAIN_ID),
        ...Object.fromEntries(FORKS.map((key) => [key, 0])),
      },
      gasLimit: '0x1c9c380',
      difficulty: '0x0',
      timestamp: '0x64',
      alloc: {
        ...Object.fromEntries(funded),
        [toHex(notebook)]: { balance: '0x0', code: toHex(NOTEBOOK_CODE) },
      },
    }),
  )
}
