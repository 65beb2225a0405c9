/** Where masters stand on the feed, as their forward ports tell: what retention must leave of the feed for their next lives. */
import { messageOf } from '#kernel/fault.ts'
import type { OptionTable } from '#ports/options.ts'
import type { MaintenanceStatus } from '#roles/master/maintenance/maintenance.ts'

/** `--master` and `--forward-secret`. */
export const mastersOptions = {
  masters: {
    flag: 'master',
    type: 'list',
    value: 'URL,URL',
    help: 'forward ports of all masters, which know what of the feed they have kept',
  },
  forwardSecret: {
    flag: 'forward-secret',
    type: 'text',
    value: 'TEXT',
    secret: 'value',
    help: "the forward ports' shared secret",
  },
} as const satisfies OptionTable

export type MasterPlace =
  | {
      readonly kind: 'kept'
      readonly url: string
      readonly id: string
      /** What follows its checkpoint: the first record that its next life must read. */
      readonly needsFrom: number
      /** Masters that it has seen on the feed. */
      readonly seen: readonly string[]
    }
  | { readonly kind: 'silent'; readonly url: string; readonly why: string }

const TIMEOUT_MS = 5_000
/** An importer's client: it begins at the first record each time, and keeps nothing. */
const NO_CLIENT = 'file'
/** The metric of a master that has kept nothing yet; one that has kept the first record alone is no other case. */
const KEPT_NOTHING = 0

/** Of each, in the order of the addresses. */
export function fetchMasterPlaces(
  urls: readonly string[],
  secret: string | undefined,
): Promise<readonly MasterPlace[]> {
  return Promise.all(urls.map((url) => fetchMasterPlace(url, secret)))
}

async function fetchMasterPlace(url: string, secret: string | undefined): Promise<MasterPlace> {
  const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    return response
  }
  try {
    const { master, ready, masters } = (await (await get('/maintenance')).json()) as MaintenanceStatus
    if (!ready) throw new Error('it has not read the feed to its end yet')
    const [, position] = POSITION.exec(await (await get('/metrics')).text()) ?? []
    if (position === undefined) throw new Error('its metrics have no checkpoint')
    const seen = masters.filter(({ client }) => client !== NO_CLIENT).map((one) => one.master)
    const needsFrom = Number(position) === KEPT_NOTHING ? 0 : Number(position) + 1
    return { kind: 'kept', url, id: master, needsFrom, seen }
  } catch (thrown) {
    return { kind: 'silent', url, why: messageOf(thrown) } // away, behind a secret, or no master
  }
}
const POSITION = /^drover_master_checkpoint_position (\d+)$/m

/** Masters of the feed that others have seen, and that are none of those who answer. */
export function unheardMasters(masters: readonly MasterPlace[]): readonly string[] {
  const answering = masters.filter((master) => master.kind === 'kept')
  const heard = new Set(answering.map(({ id }) => id))
  return [...new Set(answering.flatMap(({ seen }) => seen))].filter((id) => !heard.has(id))
}
