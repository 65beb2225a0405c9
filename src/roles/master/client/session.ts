/** What the follower's loops share for one life. */
import type { BlockRef } from '#chain/block/block-ref.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import { faultCode } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { Random } from '#ports/random.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { Disk } from '#ports/storage/disk.ts'
import type { Phase } from '#protocol/feed/frames/records.ts'
import type { Aids } from '#roles/master/aid/aids.ts'
import type { Bell } from '#roles/master/bell.ts'
import type { ExecutionClient } from './client.ts'
import type { EngineClient } from '#roles/master/aid/engine-client.ts'
import type { ExecutorDoor } from '#roles/master/execute/messages.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'

export interface FollowerOptions {
  readonly id: string
  /** Where undefined: what the feed says, or at its birth a random one. */
  readonly cluster: string | undefined
  readonly beatMs: number
  /** Of the execution client: the same for all masters beside it, and no other's. */
  readonly clientId: string
  /** Bytes of a frame in one record at most; what the wire allows where it is not said. */
  readonly partBytesMax?: number
  /** Flushes of the client's trie are asked for under leases this often; undefined where they are left to the client. */
  readonly flushEveryMs?: number | undefined
  /** The client is peered with those of the other masters; undefined where that is left to its operator. */
  readonly peering?: PeeringOptions | undefined
}

export interface PeeringOptions {
  /** Where other clients reach ours, whatever it says itself. */
  readonly host: string | undefined
  /** The same where it only knows of loopback: as its master reaches it. */
  readonly clientHost: string
}

export interface FollowerCollaborators {
  readonly client: ExecutionClient
  readonly executor: ExecutorDoor
  readonly genesis: Genesis
  /** The client's authenticated port, where blocks of the feed may be given to it. */
  readonly engine?: EngineClient | undefined
  readonly openLog: () => Promise<RecordLog>
  /** Where what was read of the feed is kept for the next life; without one it is read from its first record. */
  readonly folder?: Disk | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: MasterMetrics
}

export interface Session {
  readonly options: FollowerOptions
  readonly parts: FollowerCollaborators
  /** Rings when the client's head may have moved. */
  readonly news: Bell
  readonly aids: Aids
  phase: Phase
  /** The client may stall, or has been asked to: beats say so whatever the phase is. */
  maintaining: boolean
  /** The client's head as last seen. */
  clientHead?: BlockRef
  /** Where other clients reach it, once it has said so. */
  enode?: string
  /** The last head that was dealt with: reached, or refused. */
  settledHead?: BlockRef
  /** Says on the feed at once how this master stands, once there is a line to it. */
  beatNow: () => void
  /** Says goodbye on the feed, once there is a line to it. */
  farewell: () => Promise<void>
}

export function setPhase(session: Session, phase: Phase): void {
  if (phase === session.phase) return
  session.parts.log.info('phase', { from: session.phase, to: phase })
  session.phase = phase
  session.beatNow() // the others' ranks depend on it
}

/** The client is away, slow, or contradicts itself for a moment: its next head is another chance. */
export function isClientTrouble(thrown: unknown): boolean {
  return CLIENT_TROUBLE.has(faultCode(thrown) ?? '')
}
const CLIENT_TROUBLE: ReadonlySet<string> = new Set([
  'master/client-lost',
  'master/client-timeout',
  'master/client-busy',
  'master/client-error',
  'master/client-garbled',
  'net/unreachable',
  'net/timeout',
  'net/response-too-large',
])
