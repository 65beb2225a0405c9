/**
 * The genesis of the dev chain: anvil's unlocked accounts with money, and the history contract (EIP-2935). The beacon-roots
 * contract (EIP-4788) is left out on purpose: anvil 1.7.1 does not make its system call, so with the contract there every block
 * would differ from what Ethereum's rules give.
 */

/** The accounts that anvil unlocks (its well-known test mnemonic). */
export const DEV_ACCOUNTS = [
  '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266',
  '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
  '0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc',
  '0x90f79bf6eb2c4f870365e785982e1f101e93b906',
  '0x15d34aaf54267db7d7c367839aaf71a00a2c6a65',
] as const

export const DEV_CHAIN_ID = 31_337

const HISTORY_CONTRACT = '0x0000f90827f1c53a10cb7a02335b175320002935'
const HISTORY_CODE =
  '0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500'

/** What deploys with CREATE2 for everybody: anvil puts it into its first state whatever the genesis file says. */
const DEPLOYER = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const DEPLOYER_CODE =
  '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3'

/** Ether in wei: 1,000,000. */
const RICHES = '0xd3c21bcecceda1000000'

/** In geth's format. @param bornSeconds the genesis timestamp */
export function devGenesis(bornSeconds: number): unknown {
  const blocks = [
    'homestead',
    'eip150',
    'eip155',
    'eip158',
    'byzantium',
    'constantinople',
    'petersburg',
    'istanbul',
    'berlin',
    'london',
  ]
  const blobs = { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716 }
  return {
    config: {
      chainId: DEV_CHAIN_ID,
      ...Object.fromEntries(blocks.map((name) => [`${name}Block`, 0])),
      terminalTotalDifficulty: 0,
      shanghaiTime: 0,
      cancunTime: 0,
      pragueTime: 0,
      osakaTime: 0,
      blobSchedule: {
        cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477 },
        prague: blobs,
        osaka: blobs,
      },
    },
    timestamp: `0x${bornSeconds.toString(16)}`,
    gasLimit: '0x1c9c380',
    difficulty: '0x0',
    baseFeePerGas: '0x3b9aca00',
    extraData: '0x',
    alloc: {
      ...Object.fromEntries(DEV_ACCOUNTS.map((address) => [address, { balance: RICHES }])),
      [HISTORY_CONTRACT]: { balance: '0x0', nonce: '0x1', code: HISTORY_CODE },
      [DEPLOYER]: { balance: '0x0', code: DEPLOYER_CODE },
    },
  }
}
