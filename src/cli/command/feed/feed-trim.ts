/** `drover feed trim` drops the oldest records of a feed by hand, and says no where somebody who is known still needs them. */
import { chainIn, feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { Fault } from '#kernel/fault.ts'
import type { OptionTable } from '#ports/options.ts'
import type { GatewayStatus } from '#roles/gateway/status.ts'
import { defineCommand } from '#cli/command/command.ts'
import { oneFeedOptions } from './address.ts'
import { fetchMasterPlaces, type MasterPlace, mastersOptions, unheardMasters } from './master-place.ts'
import { fetchStatus } from '#cli/command/status.ts'

const options = {
  ...oneFeedOptions,
  before: {
    flag: 'before',
    type: 'integer',
    required: true,
    min: 0,
    value: 'POSITION',
    help: 'records below it may go; an embedded feed drops whole segments, so fewer',
  },
  gateways: {
    flag: 'gateway',
    type: 'list',
    value: 'URL,URL',
    help: 'gateways that know where the replicas stand',
  },
  ...mastersOptions,
  retainWithoutBase: {
    flag: 'retain-without-base',
    type: 'switch',
    help: 'it is understood that no new master and no new replica can then begin',
  },
  replicasToo: {
    flag: 'replicas-too',
    type: 'switch',
    help: 'although a replica still needs what goes, or nobody knows: it is lost',
  },
  mastersToo: {
    flag: 'masters-too',
    type: 'switch',
    help: 'although a master still needs what goes when it is started again, or nobody knows: it is lost',
  },
} as const satisfies OptionTable

export const feedTrimCommand = defineCommand({
  name: 'feed trim',
  summary: 'drops the oldest records of a feed',
  text: `
Nothing is dropped while a replica that the gateways know has not read it, while a master would need it to start again, or while one of
them is away.
  drover feed trim --feed 127.0.0.1:8650 --before 100000 --gateway http://127.0.0.1:8545 --master http://127.0.0.1:8640 \\
    --retain-without-base`,
  options: { ...options, ...kafkaOptions },
  async run({ values }) {
    const { before } = values
    const known = {
      statuses: await Promise.all((values.gateways ?? []).map(fetchStatus)),
      masters: await fetchMasterPlaces(values.mastersToo ? [] : (values.masters ?? []), values.forwardSecret),
    }
    const no = whyNotTrim(before, known, values)
    if (no !== undefined) throw new Fault('feed/trim', no, { before })
    const log = await feedOpener(values.feed, values, { chainId: chainIn(values), mayCreate: false })()
    try {
      const was = await log.bounds()
      const { first, next } = await log.trim(before)
      process.stdout.write(
        `${first - was.first} records are dropped; the feed is now ${first} to ${next - 1}\n`,
      )
    } finally {
      await log.close()
    }
  },
})

interface Known {
  readonly statuses: readonly GatewayStatus[]
  readonly masters: readonly MasterPlace[]
}

/** Who would be left without what it needs; undefined where nobody would that is known. */
export function whyNotTrim(
  before: number,
  { statuses, masters }: Known,
  said: { readonly retainWithoutBase: boolean; readonly replicasToo: boolean; readonly mastersToo: boolean },
): string | undefined {
  if (!said.retainWithoutBase)
    return 'a new master and a new replica begin at the first record, and there are no snapshots in this release: once it is gone none can be started. Add --retain-without-base if that is what you want'
  return (
    (said.replicasToo ? undefined : whyNotReplicas(before, statuses)) ??
    (said.mastersToo ? undefined : whyNotMasters(before, masters))
  )
}

function whyNotReplicas(before: number, statuses: readonly GatewayStatus[]): string | undefined {
  if (statuses.length === 0)
    return 'nobody says where the replicas stand: name the gateways with --gateway, or add --replicas-too'
  const replicas = statuses.flatMap((status) => status.replicas)
  const unknown = replicas.find(({ position }) => position === null)
  if (unknown !== undefined)
    return `${unknown.id} is away, and nobody knows where it stands: start it, or add --replicas-too and lose it`
  const behind = replicas.find(({ position }) => nextOf(position) < before)
  if (behind !== undefined)
    return `${behind.id} stands at ${behind.position} and needs what comes after: trim no further than ${nextOf(behind.position)}, or add --replicas-too and lose it`
  return undefined
}

function whyNotMasters(before: number, masters: readonly MasterPlace[]): string | undefined {
  if (masters.length === 0)
    return 'nobody says where the masters stand: name their forward ports with --master, or add --masters-too'
  const silent = masters.find((master) => master.kind === 'silent')
  if (silent !== undefined)
    return `the master at ${silent.url} does not say where it stands: ${silent.why}. Start it, or add --masters-too and lose it`
  const [unnamed] = unheardMasters(masters)
  if (unnamed !== undefined)
    return `${unnamed} is a master of this feed, and nobody says where it stands: name its forward port with --master, too, or add --masters-too and lose it`
  const behind = masters
    .filter((master) => master.kind === 'kept')
    .find(({ needsFrom }) => needsFrom < before)
  if (behind !== undefined)
    return `${behind.id} would need the feed from position ${behind.needsFrom} on when it is started again: trim no further than ${behind.needsFrom}, wait until it has kept more, or add --masters-too and lose it`
  return undefined
}

/** What comes after the last record that is done with. */
function nextOf(position: number | null): number {
  return (position ?? 0) + 1
}
