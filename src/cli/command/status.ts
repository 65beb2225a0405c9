/** `drover status`: what a gateway knows of its cluster, for people; and what of the feed masters still need, which only they know themselves. */
import { Fault, messageOf } from '#kernel/fault.ts'
import type { OptionTable } from '#ports/options.ts'
import type { GatewayStatus, ReplicaLine } from '#roles/gateway/status.ts'
import { defineCommand } from './command.ts'
import { fetchMasterPlaces, type MasterPlace, mastersOptions, unheardMasters } from './feed/master-place.ts'

const options = {
  gatewayUrl: {
    flag: 'gateway',
    type: 'text',
    default: 'http://127.0.0.1:8545',
    value: 'URL',
    help: 'address of the gateway',
  },
  ...mastersOptions,
  json: {
    flag: 'json',
    type: 'switch',
    help: 'print the status as the gateway gives it, and as the masters do',
  },
} as const satisfies OptionTable

const TIMEOUT_MS = 5_000

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'what a gateway knows of its cluster',
  text: `
Masters are asked one by one: a gateway does not know which record of the feed each would begin at when it is started again.
  drover status --gateway http://127.0.0.1:8545 --master http://127.0.0.1:8640`,
  options,
  async run({ values }) {
    const status = await fetchStatus(values.gatewayUrl)
    const masters = values.masters && (await fetchMasterPlaces(values.masters, values.forwardSecret))
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ ...status, masters }, null, 2)}\n`
        : `${renderStatus(status)}${masters === undefined ? '' : `\n${renderMasters(masters)}`}`,
    )
  },
})

/** @throws Fault status/no-gateway */
export async function fetchStatus(url: string): Promise<GatewayStatus> {
  try {
    const response = await fetch(new URL('/status', url), { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    return (await response.json()) as GatewayStatus
  } catch (cause) {
    throw new Fault(
      'status/no-gateway',
      `no gateway answers at ${url}: ${messageOf(cause)}. Is it running? --gateway URL names another`,
      {},
      { cause },
    )
  }
}

export function renderStatus(status: GatewayStatus): string {
  const first = Math.max(0, ...status.replicas.map(({ feedFirst }) => feedFirst ?? 0))
  const head = status.head === null ? 'none yet' : `${status.head.number} ${status.head.hash}`
  const lines = [
    `cluster    ${status.cluster ?? 'not known yet'}`,
    `head       ${head}`,
    `safe       ${status.safe ?? '–'}`,
    `finalized  ${status.finalized ?? '–'}`,
    `verified   ${status.verified ?? '–'}`,
    `requests   ${status.requests}`,
    '',
    ...(first > 0 ? [`feed       begins at position ${first}: no new master can be started on it`, ''] : []),
    'replica     phase        head        lag   in flight  feed covers  address',
    ...status.replicas.map((replica) =>
      [
        replica.id.padEnd(12),
        replica.phase.padEnd(13),
        String(replica.head ?? '–').padEnd(12),
        String(replica.lag ?? '–').padEnd(6),
        String(replica.inFlight).padEnd(11),
        coverText(replica).padEnd(13),
        replica.address,
      ].join(''),
    ),
  ]
  return `${lines.join('\n')}\n`
}

export function renderMasters(masters: readonly MasterPlace[]): string {
  const row = (id: string, needs: string, address: string): string =>
    `${id.padEnd(12)}${needs.padEnd(18)}${address}\n`
  return [
    row('master', 'needs feed from', 'address'),
    ...masters.map((master) =>
      master.kind === 'kept'
        ? row(master.id, String(master.needsFrom), master.url)
        : row('–', '–', `${master.url} does not say: ${master.why}`),
    ),
    ...unheardMasters(masters).map((id) => row(id, '–', 'none of these: --master names more')),
  ].join('')
}

/** How long a replica may be stopped before the feed has dropped what it needs. */
function coverText({ feedFirst, feedCoverSeconds }: ReplicaLine): string {
  if (feedFirst === 0) return 'all of it'
  if (feedCoverSeconds === null) return '–'
  const unit = UNITS.find(({ seconds }) => feedCoverSeconds >= seconds)
  return unit === undefined
    ? `${feedCoverSeconds} s`
    : `${Math.floor(feedCoverSeconds / unit.seconds)} ${unit.name}`
}

const UNITS = [
  { name: 'd', seconds: 2 * 86_400 },
  { name: 'h', seconds: 2 * 3_600 },
  { name: 'min', seconds: 120 },
] as const
