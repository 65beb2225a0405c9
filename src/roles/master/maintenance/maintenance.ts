/**
 * A master's side of maintenance leases: asks on the feed for its client to stall, reads there whether it may, and serves again only when
 * its client has been seen at work. From the request on its beats say `maintaining`, so that no beat of before ends what is granted. Tells
 * the operator what the feed says of everybody's leases: who stalls, who is alone meanwhile, and what has been open for longer than said.
 */
import { bigintFrom } from '#kernel/bytes.ts'
import type { Timer } from '#ports/clock.ts'
import type { LeaseEffect } from '#protocol/feed/leases.ts'
import { leaseText, type RecordBody } from '#protocol/feed/frames/records.ts'
import type { Aid } from '#roles/master/aid/aids.ts'
import { aborted } from '#roles/master/bell.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { LeaseBook } from '#roles/master/publish/read-back.ts'
import { type Session, setPhase } from '#roles/master/client/session.ts'

export interface MaintenanceWish {
  readonly reason: string
  /** Other clients that must serve at the head meanwhile. */
  readonly others: number
  readonly alarmAfterMs: number
  readonly override: boolean
}

export type MaintenanceAnswer =
  | { readonly kind: 'granted'; readonly lease: bigint }
  | { readonly kind: 'refused'; readonly why: string }

export interface MaintenanceStatus {
  readonly master: string
  /** False while the feed has not been read to its end: nothing is known then. */
  readonly ready: boolean
  /** Leases of all masters. */
  readonly open: readonly {
    readonly lease: string
    readonly holder: string
    readonly client: string
    readonly reason: string
    /** Fewer others serve than it was granted with. */
    readonly alone: boolean
  }[]
  readonly masters: readonly {
    readonly master: string
    readonly client: string
    readonly why: string | null
  }[]
  /** Of this master alone: what it was asked to do for its client, and how that stands. */
  readonly aids: readonly Aid[]
}

export interface Maintenance {
  /** Resolves when the feed has said whether the client may stall, or the signal is aborted; then a lease granted later is given back. */
  begin(wish: MaintenanceWish, signal: AbortSignal): Promise<MaintenanceAnswer>
  /** The work is done: the lease ends when the client has been seen at work again. False where there is none. */
  end(): boolean
  /** An operator's word for whoever holds it. False where it is not open. */
  release(lease: bigint): Promise<boolean>
  /** @param lease whose work the asker does: it lives, and so does a lease that an earlier life of this master was granted */
  status(lease?: bigint): MaintenanceStatus
  /** Of the feed's leases, in its order, from the opening of the lines on. */
  take(effect: LeaseEffect): void
}

export interface MaintenanceLines {
  /** Resolves when it is on the feed, and with false where too much waits. */
  readonly say: (body: RecordBody) => Promise<boolean>
  readonly book: LeaseBook
}

const NOT_YET: MaintenanceAnswer = {
  kind: 'refused',
  why: 'this master has not read the feed to its end yet: try again',
}
const CROWDED: MaintenanceAnswer = { kind: 'refused', why: 'too much waits for the feed: try again' }
const LEASE_BYTES = 8
const UNHEARD_MS = masterLimits.maintenanceUnheardTimeMaxMs.value

/** @param lines undefined while there is no line to the feed */
export function createMaintenance(session: Session, lines: () => MaintenanceLines | undefined): Maintenance {
  const { options, parts } = session
  const { log, metrics, clock, random } = parts
  const judged = new Map<bigint, (answer: MaintenanceAnswer) => void>()
  const alone = new Set<bigint>()
  const alarms = new Map<bigint, Timer>()
  let held: bigint | undefined
  let heardMs: number | undefined
  let unheard: Timer | undefined

  /**
   * Whoever does the work must be heard: at first, because the answer that granted it may have been lost; and for as long as it goes on where
   * an earlier life was granted it. Without a word the client's own counts again.
   */
  const hold = (lease: bigint, until: 'heard' | 'ended'): void => {
    held = lease
    heardMs = undefined
    const sinceMs = clock.nowMs()
    const look = (): void => {
      if (held !== lease || (until === 'heard' && heardMs !== undefined)) return
      const leftMs = (heardMs ?? sinceMs) + UNHEARD_MS - clock.nowMs()
      if (leftMs > 0) unheard = clock.after(leftMs, look)
      else serveAgain()
    }
    look()
  }
  const resume = (lease: bigint): void => {
    session.maintaining = true
    session.beatNow()
    hold(lease, 'ended')
  }

  const serveAgain = (): void => {
    session.maintaining = false
    held = undefined
    unheard?.cancel()
    // Nothing is known of a client that may have stalled: it is asked before anybody is told that it serves.
    delete session.settledHead
    setPhase(session, 'syncing')
    session.beatNow()
    session.news.ring()
  }
  const ask = async (
    lease: bigint,
    { reason, others, alarmAfterMs, override }: MaintenanceWish,
    to: MaintenanceLines,
  ) => {
    const { promise, resolve } = Promise.withResolvers<MaintenanceAnswer>()
    judged.set(lease, resolve)
    const client = options.clientId
    const body = { kind: 'maintenanceLease', lease, client, reason, others, alarmAfterMs, override } as const
    if (await to.say(body)) return promise
    judged.delete(lease)
    return CROWDED
  }
  const settle = (answer: MaintenanceAnswer): MaintenanceAnswer => {
    if (answer.kind === 'granted') hold(answer.lease, 'heard')
    else {
      session.maintaining = false
      session.beatNow()
    }
    return answer
  }

  return {
    async begin(wish, signal) {
      const to = lines()
      if (to === undefined) return NOT_YET
      if (session.maintaining) return { kind: 'refused', why: 'this master is under maintenance already' }
      // Asking costs a leader its place: what would be refused anyway is not asked.
      const why = wish.override ? undefined : to.book.whyNot(options.clientId, wish.others)
      if (why !== undefined) return { kind: 'refused', why }
      session.maintaining = true
      session.beatNow()
      const asking = ask(bigintFrom(random.bytes(LEASE_BYTES)), wish, to).then(settle)
      const answer = await Promise.race([asking, aborted(signal).then(() => undefined)])
      if (answer !== undefined) return answer
      void asking.then(({ kind }) => {
        if (kind === 'granted') serveAgain()
      })
      return { kind: 'refused', why: 'nobody waits for it any more' }
    },
    end() {
      if (held === undefined) return false
      serveAgain()
      return true
    },
    async release(lease) {
      const to = lines()
      if (to?.book.open().some(({ id }) => id === lease) !== true) return false
      return to.say({ kind: 'maintenanceRelease', lease })
    },
    status(lease) {
      if (lease === held) heardMs = clock.nowMs()
      const to = lines()
      return {
        master: options.id,
        ready: to !== undefined,
        open: (to?.book.open() ?? []).map(({ id, holder, client, reason }) => ({
          ...{ lease: leaseText(id), holder, client, reason },
          alone: alone.has(id),
        })),
        masters: (to?.book.standing() ?? []).map(({ master, client, why }) => ({
          master,
          client,
          why: why ?? null,
        })),
        aids: session.aids.all(),
      }
    },
    take(effect) {
      if (lines() === undefined) return // what was before this life
      switch (effect.kind) {
        case 'granted': {
          const { id, holder, client, reason, alarmAfterMs } = effect.lease
          log.info('maintenance begins', { lease: leaseText(id), holder, client, reason })
          const tooLong = (): void => {
            log.error('maintenance goes on for longer than was said', {
              lease: leaseText(id),
              holder,
              reason,
            })
            metrics.maintenanceAlarms.add(1, { reason: 'long' })
          }
          alarms.set(id, clock.after(alarmAfterMs, tooLong))
          if (holder === options.id && !judged.has(id)) resume(id)
          judged.get(id)?.({ kind: 'granted', lease: id })
          judged.delete(id)
          break
        }
        case 'refused':
          log.info('maintenance is refused', { holder: effect.holder, why: effect.why })
          judged.get(effect.id)?.({ kind: 'refused', why: effect.why })
          judged.delete(effect.id)
          break
        case 'ended': {
          const { id, holder } = effect.lease
          log.info('maintenance ends', { lease: leaseText(id), holder, by: effect.by })
          alarms.get(id)?.cancel()
          alarms.delete(id)
          alone.delete(id)
          if (held === id) serveAgain() // an operator has said so
          break
        }
        case 'alone': {
          const { id, holder, others } = effect.lease
          alone.add(id)
          log.error('too few clients serve while one is under maintenance', {
            ...{ lease: leaseText(id), holder, serving: effect.serving, wanted: others },
          })
          metrics.maintenanceAlarms.add(1, { reason: 'alone' })
          break
        }
      }
      metrics.maintenanceOpen.set(lines()?.book.open().length ?? 0)
    },
  }
}
