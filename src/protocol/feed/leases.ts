/**
 * Maintenance leases (architecture P6, §4): whose execution client may stall now. A master asks with a record, and everybody who reads the
 * feed knows at that record whether it was granted: no clock and no talk between masters decide. A client counts, not a master: masters
 * beside one client stall together. A lease is granted where no other is open and enough other clients serve at the head; it ends by its
 * release, by the next `serving` beat of its holder, in whatever life, or by an operator's word, and never because time passes.
 */
import type { FeedRecord, MaintenanceLease, Phase } from './frames/records.ts'
import { GONE_AFTER_BEATS } from './judging.ts'

/** A client this far below the highest head does not count as serving: at short block times a beat is that old. */
const BEHIND_MAX = 3
/** Masters, and leases that were judged, are forgotten past this, oldest first. */
const KEPT_MAX = 64

export interface OpenLease {
  readonly id: bigint
  readonly holder: string
  readonly client: string
  readonly reason: string
  /** Of its record. */
  readonly position: number
  /** Clients that must serve meanwhile. */
  readonly others: number
  /** After this an alarm is raised; nothing else happens. */
  readonly alarmAfterMs: number
}

export type LeaseEffect =
  | { readonly kind: 'granted'; readonly lease: OpenLease }
  | { readonly kind: 'refused'; readonly id: bigint; readonly holder: string; readonly why: string }
  | { readonly kind: 'ended'; readonly lease: OpenLease; readonly by: 'release' | 'serving' | 'operator' }
  /** While it is open fewer others serve than it was granted with. */
  | { readonly kind: 'alone'; readonly lease: OpenLease; readonly serving: number }

interface Master {
  client: string
  phase: Phase | undefined
  head: number
  lastPosition: number
  lastBeats: number[]
}

/** All that they remember, as plain data. */
export interface LeasesState {
  readonly masters: readonly (readonly [string, Readonly<Master>])[]
  readonly open: readonly OpenLease[]
  readonly alone: readonly bigint[]
  readonly judged: readonly bigint[]
}

export class Leases {
  readonly #masters = new Map<string, Master>()
  readonly #open = new Map<bigint, OpenLease>()
  /** Of open leases that an alarm was raised for. */
  readonly #alone = new Set<bigint>()
  readonly #judged: bigint[] = []

  /** @param state where earlier ones had read to; at the beginning of a feed nothing */
  constructor(state?: LeasesState) {
    for (const [id, master] of state?.masters ?? []) this.#masters.set(id, { ...master })
    for (const lease of state?.open ?? []) this.#open.set(lease.id, lease)
    for (const id of state?.alone ?? []) this.#alone.add(id)
    this.#judged.push(...(state?.judged ?? []))
  }

  state(): LeasesState {
    return {
      masters: [...this.#masters].map(([id, master]) => [id, { ...master }]),
      open: this.open(),
      alone: [...this.#alone],
      judged: [...this.#judged],
    }
  }

  /**
   * Takes a record of a master's newest life.
   * @param highest number of the cluster's head
   */
  take(position: number, record: FeedRecord, highest: number): LeaseEffect[] {
    const { producer: id, body } = record
    const master = this.#master(id)
    master.lastPosition = position
    switch (body.kind) {
      case 'beat':
        master.phase = body.phase
        master.client = body.client.id
        master.head = body.head.number
        master.lastBeats = [...master.lastBeats.slice(1 - GONE_AFTER_BEATS), position]
        break
      case 'headEvent':
        master.head = body.head.number
        break
      case 'maintenanceLease':
        master.client = body.client
        break
    }
    return [...this.#effectsOf(position, record, highest), ...this.#lonely(highest)]
  }

  open(): readonly OpenLease[] {
    return [...this.#open.values()]
  }

  /** Of each master: whether its client serves at the head, and if not, why. */
  standing(
    highest: number,
  ): { readonly master: string; readonly client: string; readonly why: string | undefined }[] {
    return [...this.#masters].map(([id, master]) => ({
      master: id,
      client: master.client,
      why: this.#whyNotServing(id, master, highest),
    }))
  }

  /** Why the client of `holder` may not stall now; undefined where it may. */
  whyNot(holder: string, client: string, others: number, highest: number): string | undefined {
    const [open] = this.open()
    if (open !== undefined)
      return `${open.holder} is under maintenance since position ${open.position} (${open.reason}): try when it serves again`
    if (this.#servingBeside(client, highest).size >= others) return undefined
    const absent = this.standing(highest)
      .filter((one) => one.master !== holder && one.client !== client && one.why !== undefined)
      .map(({ master, why }) => `${master} ${why}`)
    return absent.length === 0
      ? `no other client is there: ${others} must serve meanwhile`
      : `${absent.join('; ')}: try after that`
  }

  #effectsOf(position: number, { producer, body }: FeedRecord, highest: number): LeaseEffect[] {
    switch (body.kind) {
      case 'maintenanceLease':
        return this.#judge(position, producer, body, highest)
      case 'maintenanceRelease': {
        const lease = this.#open.get(body.lease)
        return lease === undefined
          ? []
          : [this.#end(lease, lease.holder === producer ? 'release' : 'operator')]
      }
      case 'beat':
        return body.phase !== 'serving'
          ? []
          : this.open()
              .filter(({ holder }) => holder === producer)
              .map((lease) => this.#end(lease, 'serving'))
      default:
        return []
    }
  }

  #judge(position: number, holder: string, asked: MaintenanceLease, highest: number): LeaseEffect[] {
    const { lease: id, client, reason, others, alarmAfterMs, override } = asked
    // An append of unknown outcome is made again: the first one counts.
    if (this.#judged.includes(id)) return []
    this.#judged.push(id)
    if (this.#judged.length > KEPT_MAX) this.#judged.shift()
    const why = override ? undefined : this.whyNot(holder, client, others, highest)
    if (why !== undefined) return [{ kind: 'refused', id, holder, why }]
    const lease = { id, holder, client, reason, position, others, alarmAfterMs }
    this.#open.set(id, lease)
    return [{ kind: 'granted', lease }]
  }

  /** Clients that serve at the head and that nobody maintains. */
  #servingBeside(client: string, highest: number): Set<string> {
    const stalled = new Set([client, ...this.open().map((lease) => lease.client)])
    const serving = [...this.#masters].filter(
      ([id, master]) => this.#whyNotServing(id, master, highest) === undefined && !stalled.has(master.client),
    )
    return new Set(serving.map(([, master]) => master.client))
  }

  #whyNotServing(id: string, master: Master, highest: number): string | undefined {
    if (this.#isSilent(id, master)) return 'is silent'
    if (master.phase !== 'serving')
      return master.phase === undefined ? 'has said nothing yet' : `is ${master.phase}`
    const behind = highest - master.head
    return behind > BEHIND_MAX ? `is ${behind} blocks behind` : undefined
  }

  /** Another master has put three beats on the feed since this one's newest record. */
  #isSilent(id: string, { lastPosition }: Master): boolean {
    return [...this.#masters].some(
      ([other, { lastBeats }]) =>
        other !== id && lastBeats.length === GONE_AFTER_BEATS && (lastBeats[0] as number) > lastPosition,
    )
  }

  #lonely(highest: number): LeaseEffect[] {
    const effects: LeaseEffect[] = []
    for (const lease of this.#open.values()) {
      const serving = this.#servingBeside(lease.client, highest).size
      if (serving >= lease.others) this.#alone.delete(lease.id)
      else if (!this.#alone.has(lease.id)) {
        this.#alone.add(lease.id)
        effects.push({ kind: 'alone', lease, serving })
      }
    }
    return effects
  }

  #end(lease: OpenLease, by: 'release' | 'serving' | 'operator'): LeaseEffect {
    this.#open.delete(lease.id)
    this.#alone.delete(lease.id)
    return { kind: 'ended', lease, by }
  }

  #master(id: string): Master {
    const known = this.#masters.get(id)
    if (known !== undefined) return known
    if (this.#masters.size >= KEPT_MAX) {
      const [[oldest]] = [...this.#masters].toSorted(([, a], [, b]) => a.lastPosition - b.lastPosition) as [
        [string, Master],
      ]
      this.#masters.delete(oldest)
    }
    const master: Master = { client: id, phase: undefined, head: 0, lastPosition: 0, lastBeats: [] }
    this.#masters.set(id, master)
    return master
  }
}
