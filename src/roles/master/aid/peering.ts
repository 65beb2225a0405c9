/**
 * Peers the masters' clients with each other, where it is asked for (`--peer-clients`) and they offer it (geth's `admin_nodeInfo`,
 * `admin_addPeer`). Each master says in its beats where its client is reached, and gives its own client the others': a client that lost its
 * peers, or its newest blocks, then has one that is at the head. Peers that are asked for live in the client's memory, so they are looked at
 * again and again; of a client that moved, the old address is taken away.
 */
import { messageOf } from '#kernel/fault.ts'
import type { Beat } from '#protocol/feed/frames/records.ts'
import { masterLimits } from '#roles/master/limits.ts'
import { isClientTrouble, type PeeringOptions, type Session } from '#roles/master/client/session.ts'

const LOOK_EVERY_MS = masterLimits.peerLookEveryMs.value
/** Public key, host, the rest. What stands on the feed is given to a client only where it looks like this. */
const ENODE =
  /^enode:\/\/([0-9a-f]{128})@(\[[0-9a-f:.]{2,60}\]|[a-z0-9._-]{1,253})(:[0-9]{1,5}(?:\?discport=[0-9]{1,5})?)$/i

interface Given {
  readonly enode: string
  /** Looks, one after another, at which it was no peer. */
  readonly missed: number
}

/** Two that dial each other at once refuse each other, and geth dials again after half a minute: one begins, the other only helps after this. */
const MISSED_BEFORE_BOTH_DIAL = 5

/** Until the signal is aborted; returns at once where nobody asks for it.
 *  @param clients of each master, as its beats say */
export async function peerClients(
  session: Session,
  clients: () => ReadonlyMap<string, Beat['client']>,
  signal: AbortSignal,
): Promise<void> {
  const { peering } = session.options
  if (peering === undefined) return
  const { clock, log } = session.parts
  const given = new Map<string, Given>()
  while (!signal.aborted) {
    try {
      await look(session, peering, clients(), given)
    } catch (thrown) {
      if (signal.aborted || !isClientTrouble(thrown)) throw thrown
      log.debug("the client's peers could not be looked at", { reason: messageOf(thrown) })
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

/** @param given what our client was given, by master */
async function look(
  session: Session,
  peering: PeeringOptions,
  clients: ReadonlyMap<string, Beat['client']>,
  given: Map<string, Given>,
): Promise<void> {
  const { client, log } = session.parts
  const info = await client.ask('admin_nodeInfo', [])
  const own = 'result' in info ? (info.result as { enode?: unknown } | null)?.enode : undefined
  if (typeof own !== 'string' || keyOf(own) === undefined) {
    const why = 'error' in info ? info.error.message : `its enode is ${JSON.stringify(own)}`
    session.aids.tell('peering', `not offered by the client: ${why} (geth: namespace \`admin\`)`, 'warn')
    return
  }
  const reached = reachedAt(own, peering)
  if (reached !== session.enode) {
    session.enode = reached
    session.beatNow()
  }
  const peers = await peerKeys(session)
  const wanted = othersIn(clients, session.options.clientId, own)
  for (const [master, enode] of wanted) {
    const before = given.get(master)
    if (before !== undefined && before.enode !== enode) await client.ask('admin_removePeer', [before.enode])
    if (before?.enode !== enode) log.info('the client shall have a peer', { master, enode })
    const isThere = peers.has(keyOf(enode) as string)
    const missed = isThere ? 0 : before?.enode === enode ? before.missed + 1 : 1
    given.set(master, { enode, missed })
    if (missed >= (dials(own, enode) ? 1 : MISSED_BEFORE_BOTH_DIAL)) {
      const added = await client.ask('admin_addPeer', [enode])
      if ('error' in added) {
        session.aids.tell('peering', `refused by the client: ${added.error.message}`, 'warn')
        return
      }
    }
  }
  const there = [...wanted.values()].filter((enode) => peers.has(keyOf(enode) as string)).length
  session.aids.tell('peering', `on: connected to ${there} of ${wanted.size} other clients`, 'info')
}

async function peerKeys({ parts: { client } }: Session): Promise<ReadonlySet<string>> {
  const found = await client.ask('admin_peers', [])
  const peers =
    'result' in found && Array.isArray(found.result) ? (found.result as { enode?: unknown }[]) : []
  return new Set(peers.flatMap(({ enode }) => keyOf(String(enode)) ?? []))
}

/** Other clients than ours, of what their masters say. */
function othersIn(
  clients: ReadonlyMap<string, Beat['client']>,
  ownId: string,
  ownEnode: string,
): Map<string, string> {
  const others = new Map<string, string>()
  for (const [master, { id, enode = '' }] of clients)
    if (id !== ownId && keyOf(enode) !== undefined && keyOf(enode) !== keyOf(ownEnode))
      others.set(master, enode)
  return others
}

/** Of two clients the one that dials first. */
function dials(own: string, other: string): boolean {
  return (keyOf(own) as string) < (keyOf(other) as string)
}

/** The public key of an enode, lower case; undefined where it is none. */
function keyOf(enode: string): string | undefined {
  return ENODE.exec(enode)?.[1]?.toLowerCase()
}

/** What the client says of itself, with an address at which others reach it. */
export function reachedAt(enode: string, { host, clientHost }: PeeringOptions): string {
  const [, key, said = '', ports] = ENODE.exec(enode) ?? []
  const isNowhere = said === 'localhost' || /^(127\.|0\.0\.0\.0|\[::1?\])/.test(said)
  const reached = host ?? (isNowhere ? clientHost : said)
  const written = reached.includes(':') && !reached.startsWith('[') ? `[${reached}]` : reached
  return `enode://${key}@${written}${ports}`
}
