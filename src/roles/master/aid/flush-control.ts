/**
 * Flushes of geth's hash scheme, asked for (`--flush-every`). geth keeps the tries of new blocks in memory and writes one whole to the disk
 * when enough time went into blocks, and takes no block meanwhile. So the master gives it an interval that is never over by itself, and from
 * time to time asks for a maintenance lease, sets the interval to nothing, waits until the flush must have happened, sets the long one back
 * and serves again. geth counts time spent on blocks, never more than has passed: should no lease be granted for long, it flushes on its own.
 * The interval lives in the client's memory: whatever a restart of it, or a master that died half way, has left there is put right.
 */
import { messageOf } from '#kernel/fault.ts'
import type { RpcError } from '#roles/master/client/calls.ts'
import { fetchRef } from '#roles/master/client/fetch.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { Maintenance } from '#roles/master/maintenance/maintenance.ts'
import { isClientTrouble, type Session } from '#roles/master/client/session.ts'

/** What others are told, and how a flush of an earlier life is known. */
const REASON = 'a flush of the trie'
/** The long interval, in times of the wished one. */
const LONG_TIMES = 2
/** geth flushes at the first block that it takes after the interval is set; the first new head may be one that it had taken before. */
const HEADS_AFTER = 2
/** Other clients that must serve meanwhile. */
const OTHERS = 1
const LOOK_EVERY_MS = masterLimits.flushLookEveryMs.value
const ASK_AGAIN_MS = masterLimits.flushAskAgainMs.value
const ALARM_AFTER_MS = masterLimits.flushAlarmTimeMs.value
const NOW = '0s'

type Offer = { readonly kind: 'kept' } | { readonly kind: 'refused'; readonly why: string }

/** Until the signal is aborted; returns at once where nobody asks for it. */
export async function controlFlushes(
  session: Session,
  maintenance: Maintenance,
  signal: AbortSignal,
): Promise<void> {
  const { flushEveryMs: everyMs, beatMs } = session.options
  if (everyMs === undefined) return
  const { client, clock, random, log, metrics } = session.parts
  const { aids } = session
  const long = `${LONG_TIMES * everyMs}ms`

  /** Puts the long interval where another one is. @throws those of ExecutionClient.ask */
  const keepLong = async (): Promise<Offer> => {
    const found = await client.ask('debug_getTrieFlushInterval', [])
    if ('error' in found) return { kind: 'refused', why: whyNot(found.error) }
    if (goDurationMs(String(found.result)) === LONG_TIMES * everyMs) return { kind: 'kept' }
    const set = await client.ask('debug_setTrieFlushInterval', [long])
    return 'error' in set ? { kind: 'refused', why: whyNot(set.error) } : { kind: 'kept' }
  }

  /** Between the lease and its end. True where the flush has happened. */
  const flush = async (lease: bigint): Promise<boolean> => {
    const from = await fetchRef(client, 'latest')
    await client.call('debug_setTrieFlushInterval', [NOW])
    if (from === undefined) return false
    for (;;) {
      await clock.sleep(beatMs, signal)
      // Being asked, the master knows that the work goes on.
      if (!maintenance.status(lease).open.some((one) => BigInt(`0x${one.lease}`) === lease)) return false
      const head = await fetchRef(client, 'latest').catch(unlessTrouble)
      if (head !== undefined && head.number >= from.number + HEADS_AFTER) return true
    }
  }

  /** True where the flush has happened. */
  const flushUnderLease = async (): Promise<boolean> => {
    const wish = { reason: REASON, others: OTHERS, alarmAfterMs: ALARM_AFTER_MS, override: false }
    const answer = await maintenance.begin(wish, signal)
    if (answer.kind === 'refused') {
      aids.tell('flush control', `waits: ${answer.why}`, 'info')
      return false
    }
    try {
      return await flush(answer.lease)
    } finally {
      await keepLong().catch(unlessTrouble) // what fails now is done at the next look
      if (!signal.aborted) maintenance.end()
    }
  }

  // Masters that were started together do not all ask together.
  let dueMs = clock.nowMs() + everyMs * (0.5 + random.unit() / 2)
  for (let isFirst = true; ; ) {
    try {
      const offer = await keepLong()
      if (offer.kind === 'refused') {
        aids.tell('flush control', `not offered by the client: ${offer.why}`, 'warn')
        await clock.sleep(LOOK_EVERY_MS, signal)
        continue
      }
      if (isFirst) endOfEarlierLife(session, maintenance)
      isFirst = false
      if (clock.nowMs() < dueMs || session.phase !== 'serving') {
        if (clock.nowMs() < dueMs) aids.tell('flush control', 'on', 'info', { every: long })
      } else if (await flushUnderLease()) {
        dueMs = clock.nowMs() + everyMs
        metrics.flushes.add(1)
        log.info('the client has flushed its trie')
      } else {
        await clock.sleep(ASK_AGAIN_MS, signal)
        continue
      }
    } catch (thrown) {
      if (signal.aborted || !isClientTrouble(thrown)) throw thrown
      log.debug('the flush interval could not be looked at', { reason: messageOf(thrown) })
    }
    await clock.sleep(Math.min(LOOK_EVERY_MS, Math.max(dueMs - clock.nowMs(), ASK_AGAIN_MS)), signal)
  }
}

/** A flush that an earlier life of this master had begun: the interval is right again, so nothing stalls the client any more. */
function endOfEarlierLife(session: Session, maintenance: Maintenance): void {
  const isOurs = maintenance
    .status()
    .open.some(({ holder, reason }) => holder === session.options.id && reason === REASON)
  if (isOurs) maintenance.end()
}

function unlessTrouble(thrown: unknown): undefined {
  if (!isClientTrouble(thrown)) throw thrown
  return undefined
}

function whyNot({ code, message }: RpcError): string {
  return code === -32601
    ? `${message} (geth has it in the namespace \`debug\`, which must be open at --client)`
    : message
}

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 1e-3, µs: 1e-3, μs: 1e-3, ns: 1e-6 } as const

/** A duration as Go writes it (`1h30m0s`, `1.5s`, `0s`), in milliseconds; NaN for what is none. */
export function goDurationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|μs|ns|m|s)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text.replace(/^-/, '')) return Number.NaN
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS_MS[unit as 's'], 0)
  return text.startsWith('-') ? -ms : ms
}
