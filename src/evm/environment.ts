/** The EVM's environment for a block: from its header and the chain's rules. */
import { blobBaseFee } from '#chain/block/fees.ts'
import type { Header } from '#chain/header/header.ts'
import { type Fork, isActive, type Rules } from '#chain/fork/rules.ts'
import { type EvmEnvironment, SPEC, type Spec } from '#core/evm-values.ts'

const SPEC_OF: Record<Fork, Spec> = {
  frontier: SPEC.frontier,
  homestead: SPEC.homestead,
  dao: SPEC.homestead,
  tangerine: SPEC.tangerine,
  spuriousDragon: SPEC.spuriousDragon,
  byzantium: SPEC.byzantium,
  // revm has no Constantinople: EIP-1283 was live on testnets alone, for weeks. Petersburg is Constantinople without it.
  constantinople: SPEC.petersburg,
  petersburg: SPEC.petersburg,
  istanbul: SPEC.istanbul,
  muirGlacier: SPEC.istanbul,
  berlin: SPEC.berlin,
  london: SPEC.london,
  arrowGlacier: SPEC.london,
  grayGlacier: SPEC.london,
  merge: SPEC.merge,
  shanghai: SPEC.shanghai,
  cancun: SPEC.cancun,
  prague: SPEC.prague,
  osaka: SPEC.osaka,
  amsterdam: SPEC.amsterdam,
}

/** EIP-7594: blobs of one transaction from Osaka on. */
const BLOBS_PER_TRANSACTION_MAX = 6

export function environmentOf(
  header: Header,
  rules: Rules,
  checks: EvmEnvironment['checks'],
): EvmEnvironment {
  const { blob } = rules
  return {
    checks,
    spec: SPEC_OF[rules.fork],
    chainId: rules.chainId,
    number: header.number,
    timestamp: header.timestamp,
    gasLimit: header.gasLimit,
    baseFee: header.baseFeePerGas ?? 0n,
    ...(header.baseFeePerGas === undefined && { legacyFees: true }),
    beneficiary: header.beneficiary,
    difficulty: header.difficulty,
    ...(header.slotNumber !== undefined && { slot: header.slotNumber }),
    ...(isActive(rules, 'merge') ? { prevRandao: header.mixHash } : {}),
    // A call may pretend that an older block is under rules with blobs: there nobody has named their price.
    ...(blob && (header.excessBlobGas !== undefined || checks === 'call')
      ? {
          blob: {
            excessGas: header.excessBlobGas ?? 0n,
            gasPrice: header.excessBlobGas === undefined ? 0n : blobBaseFee(header.excessBlobGas, blob),
            fraction: blob.baseFeeUpdateFraction,
            blobsPerTransactionMax: isActive(rules, 'osaka')
              ? Math.min(BLOBS_PER_TRANSACTION_MAX, blob.max)
              : blob.max,
          },
        }
      : {}),
  }
}
