/** A user of the gateway: asks one batch after another, remembers the blocks it was shown, and asks about those too. */
import { messageOf } from '#kernel/fault.ts'
import { fromUtf8, toHex } from '#kernel/bytes.ts'
import type { Prng } from '#kernel/prng.ts'
import { encodeTransaction } from '#chain/transaction/transaction-rlp.ts'
import type { BuiltBlock } from '#sim/client/block-builder.ts'
import { address, notebook, sender, SENDERS } from '#sim/client/genesis.ts'
import { GATEWAY_URL } from '#sim/cluster/addresses.ts'
import { createHttpClient } from '#sim/net/http.ts'
import type { Network } from '#sim/net/network.ts'
import type { Life, Program } from '#sim/world/life.ts'
import { asText, type Exchange, itemsOf, type Place, type Question } from './exchange.ts'

export interface UserParts {
  readonly network: Network
  readonly block: (hash: string) => BuiltBlock | undefined
  /** The block that execution clients are about to hear of: a user knows its own transactions. */
  readonly newest: () => BuiltBlock
  readonly nowMs: () => number
  readonly told: (exchange: Exchange) => void
  /** Milliseconds between an answer and the next question. */
  readonly thinkMs: { readonly min: number; readonly max: number }
  /** Every replica can answer. */
  readonly asksForProofs: boolean
}

const TIMEOUT_MS = 3_000
const RESPONSE_BYTES_MAX = 1_000_000
const SHOWN_MAX = 12
/** Requests that a user sends at once, now and then. */
const BURST = 8
const BURST_CHANCE = 0.03

export function userProgram(parts: UserParts): Program {
  return async (life) => {
    const random = life.random.child('questions')
    const shown: BuiltBlock[] = []
    let asked = 0
    const ask = async (isInBurst: boolean): Promise<void> => {
      const questions = draw(random, shown, parts.newest())
      if (parts.asksForProofs) questions.push(proof(life.random.child(`proof ${asked++}`), shown))
      const exchange = await askOnce(life, parts, questions, {
        minBlock: minBlockOf(random, shown),
        isInBurst,
      })
      remember(exchange, shown, parts)
      parts.told(exchange)
    }
    while (!life.signal.aborted) {
      const times = random.chance(BURST_CHANCE) ? BURST : 1
      await Promise.all(Array.from({ length: times }, () => ask(times > 1)))
      const { min, max } = parts.thinkMs
      await life.clock.sleep(min + random.unit() * (max - min), life.signal).catch(() => {}) // stopped: the loop ends
    }
  }
}

/** A mark that it may carry: a number that it was shown. */
function minBlockOf(random: Prng, shown: readonly BuiltBlock[]): number {
  return shown.length > 0 && random.chance(0.2) ? (shown.at(-1) as BuiltBlock).number : 0
}

function draw(random: Prng, shown: readonly BuiltBlock[], newest: BuiltBlock): Question[] {
  const account = (): string =>
    toHex(
      random.chance(0.7) ? sender(random.between(0, SENDERS - 1)) : address(0x9000 + random.between(0, 9)),
    )
  const questions: Question[] = [{ kind: 'blockNumber' }, { kind: 'latest' }]
  const stateAt = (place: Place): Question =>
    random.chance(0.5)
      ? { kind: 'balance', address: account(), place }
      : random.chance(0.5)
        ? { kind: 'slot', slot: random.between(1, 6), place }
        : { kind: 'nonce', address: account(), place }
  questions.push(stateAt('latest'))
  if (random.chance(0.3)) questions.push({ kind: 'mark', tag: 'finalized' }, { kind: 'mark', tag: 'safe' })
  const [sent] = newest.block.transactions
  if (sent !== undefined && random.chance(0.2))
    questions.push({ kind: random.pick(['receipt', 'transaction'] as const), transaction: toHex(sent.hash) })
  if (random.chance(0.05)) questions.push({ kind: 'pending', address: account() })
  // Sent when it is in a block already: what follows is that the gateway finds it there, or gives it to every client again and again.
  if (sent !== undefined && random.chance(0.08))
    questions.push({ kind: 'send', raw: toHex(encodeTransaction(sent)), transaction: toHex(sent.hash) })
  if (shown.length > 0 && random.chance(0.7)) questions.push(about(random.pick(shown), random, stateAt))
  if (shown.length > 0 && random.chance(0.1))
    questions.push({
      kind: 'byNumber',
      number: Math.max(0, (shown.at(-1) as BuiltBlock).number + random.between(-2, 2)),
    })
  return questions
}

/** Of an account that sends, or of one slot of the contract, at a block that the user was shown or at the newest. */
function proof(random: Prng, shown: readonly BuiltBlock[]): Question {
  const block = shown.length > 0 && random.chance(0.6) ? random.pick(shown) : undefined
  const place: Place =
    block === undefined ? 'latest' : random.chance(0.5) ? block.number : { hash: block.hash }
  const slot = random.chance(0.5) ? random.between(1, 6) : undefined
  const who = slot === undefined ? sender(random.between(0, SENDERS - 1)) : notebook
  return { kind: 'proof', address: toHex(who), slot, place }
}

function about(block: BuiltBlock, random: Prng, stateAt: (place: Place) => Question): Question {
  const transaction = block.block.transactions[0]
  switch (random.between(1, 5)) {
    case 1:
      return stateAt(block.number)
    case 2:
      return stateAt({ hash: block.hash })
    case 3:
      return { kind: 'logs', hash: block.hash }
    case 4:
      if (transaction !== undefined)
        return {
          kind: random.pick(['receipt', 'transaction'] as const),
          transaction: toHex(transaction.hash),
        }
      return { kind: 'byHash', hash: block.hash }
    default:
      return { kind: 'byHash', hash: block.hash }
  }
}

async function askOnce(
  life: Life,
  { network, nowMs }: UserParts,
  questions: readonly Question[],
  { minBlock, isInBurst }: Pick<Exchange, 'minBlock' | 'isInBurst'>,
): Promise<Exchange> {
  const sentMs = nowMs()
  const facts = { user: life.name, sentMs, minBlock, isInBurst, questions }
  try {
    const { status, headers, body } = await createHttpClient(life, network).request(GATEWAY_URL, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(minBlock > 0 && { 'x-min-block': String(minBlock) }),
      },
      body: asText(questions),
      timeoutMs: TIMEOUT_MS,
      responseBytesMax: RESPONSE_BYTES_MAX,
    })
    const items = itemsOf(fromUtf8(body), questions.length)
    const number = headers['x-block-number']
    const hash = headers['x-block-hash']
    const head = number === undefined || hash === undefined ? undefined : { number: Number(number), hash }
    const outcome: Exchange['outcome'] =
      items === undefined
        ? { kind: 'failed', why: `status ${status}` }
        : { kind: 'answered', status, head, items }
    return { ...facts, receivedMs: nowMs(), outcome }
  } catch (thrown) {
    return { ...facts, receivedMs: nowMs(), outcome: { kind: 'failed', why: messageOf(thrown) } }
  }
}

function remember({ outcome }: Exchange, shown: BuiltBlock[], { block }: UserParts): void {
  if (outcome.kind !== 'answered') return
  const hash = (outcome.items[1] as { result?: { hash?: string } }).result?.hash
  const built = hash === undefined ? undefined : block(hash)
  if (built === undefined || shown.includes(built)) return
  shown.push(built)
  if (shown.length > SHOWN_MAX) shown.shift()
}
