/** Maintenance windows of real clients: what a client suffers in one, when it did, and what the feed says of who might. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom } from '#platform/random/random.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import { leaseText } from '#protocol/feed/frames/records.ts'
import type { LeaseEffect } from '#protocol/feed/leases.ts'
import { createReadBack } from '#roles/master/publish/read-back.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { waitFor } from '#test/support/wait.ts'
import { decodeRecord } from '#wire/record.ts'
import type { KafkaRig } from './rig.ts'

const READ_BYTES = 4e6

export interface Window {
  readonly code: number | null
  readonly output: string
}

/** Stops the client of master `place` (from 0) with SIGSTOP for a while, under a lease; what was done and when stands in the rig's folder. */
export function stallUnderLease(
  rig: KafkaRig,
  place: number,
  options: { readonly stallMs: number; readonly waitMs: number },
): Promise<Window> {
  const pid = rig.network.clients[place]?.node.pid
  const name = `c${place + 1}`
  const log = stallFile(rig)
  const work = [
    `echo "+${name}" >> "${log}"`,
    `kill -STOP ${pid}`,
    `sleep ${options.stallMs / 1_000}`,
    `kill -CONT ${pid}`,
    `echo "-${name}" >> "${log}"`,
  ]
  return DroverProcess.run(
    ...['maintain', '--master', rig.cluster.forward[place] as string, '--reason', `stall of ${name}`],
    ...['--wait', `${options.waitMs}ms`, '--', '/bin/sh', '-c', work.join('; ')],
  )
}

/** Waits until every master says that its client serves at the head. */
export async function allServe({ cluster }: KafkaRig, withinMs: number): Promise<void> {
  const url = `${cluster.forward[0]}/maintenance`
  await waitFor('all masters to serve', withinMs, async () => {
    const { masters } = (await (await fetch(url)).json()) as { masters: readonly { why: string | null }[] }
    const all = masters.length === cluster.masters.length
    return all && masters.every(({ why }) => why === null) ? true : undefined
  })
}

/** `+c1`, `-c1`, …: beginnings and ends in their order. */
export function stallsOf(rig: KafkaRig): string[] {
  const file = stallFile(rig)
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
}

/** Stalls that began before another had ended. */
export function overlapsIn(stalls: readonly string[]): string[] {
  return stalls.flatMap((line, i) =>
    i % 2 === (line.startsWith('+') ? 0 : 1) && (i % 2 === 0 || line.slice(1) === stalls[i - 1]?.slice(1))
      ? []
      : [`${line} after ${stalls.slice(0, i).join(' ')}`],
  )
}

export interface LeaseHistory {
  readonly granted: number
  readonly ended: number
  /** Why, for each that was refused. */
  readonly refusals: readonly string[]
  /** The most that were open at one record. */
  readonly openMax: number
  readonly openNow: number
  /** What was asked and what became of it, with places on the feed. */
  readonly story: readonly string[]
}

/** As every master reads it. */
export async function leasesOn(log: RecordLog): Promise<LeaseHistory> {
  const effects: LeaseEffect[] = []
  const story: string[] = []
  const reader = createReadBack('judge', createRandom(), {
    onAlarm: () => {},
    onLease: (effect) => effects.push(effect),
  })
  const { first, next } = await log.bounds()
  let openMax = 0
  for (let at = first; at < next; ) {
    const records = await log.read(at, { maxBytes: READ_BYTES })
    at += records.length
    for (const record of records) {
      const before = effects.length
      reader.take(record)
      const { producer, epoch, body } = decodeRecord(record.bytes)
      const said = `${record.position} ${producer}/${epoch} ${body.kind}`
      if (body.kind === 'maintenanceLease' || body.kind === 'maintenanceRelease')
        story.push(`${said} ${leaseText(body.lease)}`)
      for (const effect of effects.slice(before)) {
        const { id } = 'lease' in effect ? effect.lease : effect
        story.push(
          `${said}: ${effect.kind} ${leaseText(id)}${effect.kind === 'ended' ? ` by ${effect.by}` : ''}`,
        )
      }
      openMax = Math.max(openMax, reader.leases.open().length)
    }
  }
  const count = (kind: LeaseEffect['kind']): number => effects.filter((one) => one.kind === kind).length
  return {
    granted: count('granted'),
    ended: count('ended'),
    refusals: effects.flatMap((one) => (one.kind === 'refused' ? [one.why] : [])),
    openMax,
    openNow: reader.leases.open().length,
    story,
  }
}

function stallFile({ dir }: KafkaRig): string {
  return join(dir, 'stalls')
}
