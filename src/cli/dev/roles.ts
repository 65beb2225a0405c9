/** The roles of `drover dev`: what each is told, so that all of them find each other on one machine. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scope } from '#ports/scope.ts'
import { anyFreePort } from './free-port.ts'
import type { Child } from './supervisor.ts'

export interface RolesPlan {
  readonly masters: number
  readonly replicas: number
  readonly trie: boolean
  readonly dir: string
  /** The gateway's. */
  readonly port: number
  readonly genesisPath: string
  /** Address of the execution client that every master stands beside. */
  readonly client: string
}

/** A role, and where it answers. */
interface Started {
  readonly id: string
  readonly url: string
}

/** Feed host, masters, replicas and gateway; resolves when each has said that it is ready. */
export async function startRoles(
  plan: RolesPlan,
  { start }: { start(name: string, ...args: string[]): Child },
  scope: Scope,
): Promise<{ readonly masters: readonly Started[]; readonly replicas: readonly Started[] }> {
  const { dir, genesisPath, client } = plan
  // Sockets have short path limits, and a data folder may lie anywhere.
  const sockets = mkdtempSync(join(tmpdir(), 'drover-'))
  scope.defer(() => rmSync(sockets, { recursive: true, force: true }))

  const feed = `unix:${join(sockets, 'feed')}`
  const hosting = ['--data', join(dir, 'feed'), '--listen', feed, '--metrics-port', '0']
  await start('feed host', 'feed', 'serve', ...hosting).ready
  const chain = ['--genesis', genesisPath, '--feed', feed, ...(plan.trie ? ['--trie'] : [])]
  const children: Child[] = []
  const masters: Started[] = []
  for (let i = 1; i <= plan.masters; i++) {
    const id = `m${i}`
    const port = String(await anyFreePort())
    masters.push({ id, url: `http://127.0.0.1:${port}` })
    const place = ['--id', id, '--data', join(dir, id), '--forward-port', port]
    children.push(start(id, 'master', '--client', client, ...chain, ...place))
  }
  const replicas: (Started & { readonly link: string })[] = []
  for (let i = 1; i <= plan.replicas; i++) {
    const id = `r${i}`
    const port = String(await anyFreePort())
    const link = `unix:${join(sockets, id)}`
    replicas.push({ id, link, url: `http://127.0.0.1:${port}` })
    const place = ['--id', id, '--data', join(dir, id), '--port', port, '--link', link]
    children.push(start(id, 'replica', ...chain, ...place, '--answer-threads', '1'))
  }
  const links = replicas.map(({ link }) => link).join(',')
  const forward = masters.map(({ url }) => url).join(',')
  children.push(
    start('gateway', 'gateway', '--port', String(plan.port), '--masters', forward, '--replicas', links),
  )
  await Promise.all(children.map(({ ready }) => ready))
  return { masters, replicas }
}
