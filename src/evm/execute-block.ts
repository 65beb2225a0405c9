/**
 * Executes a whole block over the state of its parent: system calls before, transactions, withdrawals or rewards, system calls after.
 * Gives receipts, requests and the net delta; comparing them with the header is the caller's. Frontier to Osaka; receipts before
 * Byzantium hold intermediate state roots, which need a state trie, so those blocks are refused by name.
 */
import type { Address } from '#chain/block-ref.ts'
import { makeDelta } from '#chain/delta-builder.ts'
import type { Code, Delta, SlotChange } from '#chain/delta.ts'
import { deltaHash } from '#chain/delta-hash.ts'
import type { Block } from '#chain/frame.ts'
import type { Log, Receipt } from '#chain/receipt.ts'
import { isActive, type Rules } from '#chain/rules.ts'
import type { StateView } from '#chain/state-view.ts'
import type { Transaction } from '#chain/transaction.ts'
import { type Evm, threadEvm } from '#core/evm.ts'
import type { BlockChanges, EvmOutcome, EvmTransaction } from '#core/evm-values.ts'
import { bigintFrom, concatBytes, equalBytes, fromHex } from '#kernel/bytes.ts'
import { environmentOf } from './environment.ts'

export interface ExecutedBlock {
  readonly kind: 'executed'
  readonly receipts: readonly Receipt[]
  /** EIP-7685: type ‖ data each, in the order of their types; undefined before Prague. */
  readonly requests: readonly Uint8Array[] | undefined
  readonly delta: Delta
  readonly deltaHash: Uint8Array
  readonly gasUsed: bigint
}

/** The block breaks the rules (a transaction that cannot be in a block, a failing system call), or this release cannot execute it. */
export interface RefusedBlock {
  readonly kind: 'refused'
  readonly reason: string
}

const BEACON_ROOTS = fromHex('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const HISTORY = fromHex('0x0000f90827f1c53a10cb7a02335b175320002935')
const WITHDRAWAL_REQUESTS = fromHex('0x00000961ef480eb55e80d19ad83579a64c007002')
const CONSOLIDATION_REQUESTS = fromHex('0x0000bbddc7ce488642fb579f8b00f3a590007251')
const DEPOSIT_EVENT = fromHex('0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5')
const GWEI = 1_000_000_000n
const ETHER = 10n ** 18n

/** @throws Fault core/trap; what the view throws */
export function executeBlock(block: Block, rules: Rules, view: StateView): ExecutedBlock | RefusedBlock {
  if (!isActive(rules, 'byzantium')) {
    return {
      kind: 'refused',
      reason: 'receipts before Byzantium hold state roots, which this release does not compute',
    }
  }
  return run(block, rules, view)
}

/** The same without refusing old forks: their receipts then have a status in place of a root, so only gas, logs and state are right. */
export function executeAnyBlock(block: Block, rules: Rules, view: StateView): ExecutedBlock | RefusedBlock {
  return run(block, rules, view)
}

function run(block: Block, rules: Rules, view: StateView): ExecutedBlock | RefusedBlock {
  const evm = threadEvm()
  evm.bind(view, environmentOf(block.header, rules, 'transaction'))
  evm.begin()
  const receipts: Receipt[] = []
  let gasUsed = 0n

  const before = systemCallsBefore(evm, block, rules)
  if (before !== undefined) return { kind: 'refused', reason: before }
  for (const [i, transaction] of block.transactions.entries()) {
    const outcome = evm.transact(transactionFor(transaction, block.senders[i] as Address))
    if (outcome.kind === 'invalid' || outcome.kind === 'missing' || outcome.kind === 'timeout') {
      return { kind: 'refused', reason: `transaction ${i} cannot be executed: ${whyNot(outcome)}` }
    }
    gasUsed += outcome.gasUsed
    receipts.push({
      type: transaction.type,
      outcome: { status: outcome.kind === 'success' ? 1 : 0 },
      cumulativeGasUsed: gasUsed,
      logs: outcome.kind === 'success' ? outcome.logs : [],
    })
  }
  const after = isActive(rules, 'prague') ? requestsOf(evm, receipts, rules) : { requests: undefined }
  if ('failed' in after) return { kind: 'refused', reason: after.failed }
  for (const { address, amount } of block.withdrawals ?? [])
    if (amount > 0n) evm.credit(address, amount * GWEI)
  if (!isActive(rules, 'merge')) payRewards(evm, block, rules)

  const delta = netDelta(evm.finish(), view, rules)
  return { kind: 'executed', receipts, requests: after.requests, delta, deltaHash: deltaHash(delta), gasUsed }
}

function whyNot(outcome: Extract<EvmOutcome, { kind: 'invalid' | 'missing' | 'timeout' }>): string {
  if (outcome.kind === 'invalid') return outcome.reason
  return outcome.kind === 'missing'
    ? `state is missing: ${JSON.stringify(outcome.keys)}`
    : 'it ran out of time'
}

/** EIP-4788 and EIP-2935. A call to an address without code does nothing, as the EIPs want. */
function systemCallsBefore(evm: Evm, { header }: Block, rules: Rules): string | undefined {
  const calls: (readonly [what: string, address: Uint8Array, data: Uint8Array])[] = []
  if (isActive(rules, 'cancun') && header.parentBeaconBlockRoot !== undefined) {
    calls.push(['beacon roots (EIP-4788)', BEACON_ROOTS, header.parentBeaconBlockRoot])
  }
  if (isActive(rules, 'prague')) calls.push(['block hashes (EIP-2935)', HISTORY, fromHex(header.parentHash)])
  for (const [what, address, data] of calls) {
    const { kind } = evm.systemCall(address, data)
    if (kind !== 'success') return `the system call for ${what} failed (${kind})`
  }
  return undefined
}

/** EIP-6110 deposits, EIP-7002 withdrawal requests, EIP-7251 consolidations. */
function requestsOf(
  evm: Evm,
  receipts: readonly Receipt[],
  rules: Rules,
): { requests: Uint8Array[] } | { failed: string } {
  const deposits = concatBytes(
    ...receipts.flatMap(({ logs }) => logs.flatMap((log) => depositOf(log, rules))),
  )
  const requests = [concatBytes(Uint8Array.of(0), deposits)]
  for (const [type, address] of [
    [1, WITHDRAWAL_REQUESTS],
    [2, CONSOLIDATION_REQUESTS],
  ] as const) {
    const outcome = evm.systemCall(address, new Uint8Array(0))
    if (outcome.kind !== 'success')
      return { failed: `the system call for requests of type ${type} failed (${outcome.kind})` }
    requests.push(concatBytes(Uint8Array.of(type), outcome.output))
  }
  return { requests }
}

/** The five fields of DepositEvent, ABI-encoded as dynamic bytes, without their padding: 48 + 32 + 8 + 96 + 8. */
function depositOf(log: Log, { depositContract }: Rules): Uint8Array[] {
  const isDeposit =
    depositContract !== undefined &&
    equalBytes(log.address, depositContract) &&
    log.topics[0] !== undefined &&
    equalBytes(log.topics[0], DEPOSIT_EVENT)
  if (!isDeposit) return []
  const { data } = log
  const word = (at: number): number => Number(bigintFrom(data.subarray(at, at + 32)))
  return [0, 1, 2, 3, 4].map((field) => {
    const at = word(32 * field)
    return data.subarray(at + 32, at + 32 + word(at))
  })
}

/** Proof of work: EIP-649, EIP-1234. */
function payRewards(evm: Evm, { header, ommers }: Block, rules: Rules): void {
  const reward = ETHER * (isActive(rules, 'constantinople') ? 2n : isActive(rules, 'byzantium') ? 3n : 5n)
  evm.credit(header.beneficiary, reward + (reward / 32n) * BigInt(ommers.length))
  for (const ommer of ommers)
    evm.credit(ommer.beneficiary, (reward * BigInt(8 - (header.number - ommer.number))) / 8n)
}

function netDelta(changes: BlockChanges, view: StateView, rules: Rules): Delta {
  const slots: SlotChange[] = []
  const cleared: Address[] = []
  const before = new Uint8Array(32)
  for (const { address, wiped, existed, slots: listed } of changes.accounts) {
    const clears = wiped && existed && !isActive(rules, 'cancun')
    if (clears) cleared.push(address)
    for (const { key, value } of listed) {
      // Of a wiped account all slots are listed that are not zero after; without `cleared` they must differ from the parent's, as all others.
      if (wiped && !clears) {
        view.slot(address, key, before)
        if (equalBytes(before, value)) continue
      }
      slots.push({ address, key, value })
    }
  }
  const accounts = changes.accounts.flatMap((account) => {
    const after = account.exists
      ? { nonce: account.nonce, balance: bigintFrom(account.balance), codeHash: account.codeHash }
      : undefined
    return differs(account.address, after, view) ? [{ address: account.address, after }] : []
  })
  const codes: Code[] = changes.codes.map(({ hash, code }) => ({ hash, code }))
  return makeDelta({ accounts, slots, cleared, codes })
}

/** Against the parent's state: a change that was undone within the block is none. */
function differs(
  address: Address,
  after: { nonce: bigint; balance: bigint; codeHash: Uint8Array } | undefined,
  view: StateView,
): boolean {
  const record = new Uint8Array(72)
  const existed = view.account(address, record) === 1
  if (after === undefined || !existed) return existed !== (after !== undefined)
  return (
    bigintFrom(record.subarray(0, 8)) !== after.nonce ||
    bigintFrom(record.subarray(8, 40)) !== after.balance ||
    !equalBytes(record.subarray(40, 72), after.codeHash)
  )
}

/** A block's transaction as the core takes it. */
export function transactionFor(t: Transaction, from: Address): EvmTransaction {
  return {
    type: t.type,
    from,
    ...(t.to && { to: t.to }),
    gas: t.gasLimit,
    gasPrice:
      t.type < 2 ? (t as { gasPrice: bigint }).gasPrice : (t as { maxFeePerGas: bigint }).maxFeePerGas,
    ...(t.type >= 2 ? { priorityFee: (t as { maxPriorityFeePerGas: bigint }).maxPriorityFeePerGas } : {}),
    value: t.value,
    nonce: t.nonce,
    ...(t.chainId === undefined ? {} : { chainId: t.chainId }),
    data: t.data,
    ...('accessList' in t ? { accessList: t.accessList } : {}),
    ...(t.type === 3 ? { blobHashes: t.blobVersionedHashes, maxFeePerBlobGas: t.maxFeePerBlobGas } : {}),
    ...(t.type === 4 ? { authorizationList: t.authorizationList } : {}),
  }
}
