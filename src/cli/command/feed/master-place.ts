/** Where a master stands on the feed, as its forward port tells: what retention must leave of the feed for its next life. */
import { Fault, messageOf } from '#kernel/fault.ts'
import type { MaintenanceStatus } from '#roles/master/maintenance/maintenance.ts'

export interface MasterPlace {
  readonly id: string
  /** Its checkpoint: the newest record that its next life need not read. */
  readonly position: number
  /** Masters that it has seen on the feed. */
  readonly seen: readonly string[]
}

const TIMEOUT_MS = 5_000
/** An importer's client: it begins at the first record each time, and keeps nothing. */
const NO_CLIENT = 'file'

/** @throws Fault feed/trim where the master does not say it */
export async function fetchMasterPlace(url: string, secret: string | undefined): Promise<MasterPlace> {
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
    return { id: master, position: Number(position), seen }
  } catch (cause) {
    throw new Fault(
      'feed/trim',
      `the master at ${url} does not say where it stands: ${messageOf(cause)}. Start it, or add --masters-too and lose it`,
      { url },
      { cause },
    )
  }
}
const POSITION = /^drover_master_checkpoint_position (\d+)$/m
