/**
 * A port for several threads of one process. `reusePort` would hide that another process has it, or let two processes share it unseen: so
 * the port is first taken without, by whoever holds its lock; then it is tried whether the system lets it be shared at all.
 */
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { LockTaken, lockFile } from '#platform/disk/folder-lock.ts'
import { Fault } from '#kernel/fault.ts'

export interface PortClaim {
  /** The real one in place of 0. */
  readonly port: number
  /** Several sockets may listen on it. */
  readonly canShare: boolean
  /** Lets others have it. */
  release(): void
}

/** The port is free when this returns, and no other process that asks here gets it. @throws Fault net/port-in-use, net/refused */
export async function claimPort(host: string, wanted: number): Promise<PortClaim> {
  const port = await tryListen(host, wanted, false)
  const release = lockPort(host, port)
  try {
    // Before the lock somebody may have come between.
    await tryListen(host, port, false)
    return { port, release, canShare: await canShare(host, port) }
  } catch (cause) {
    release()
    throw cause
  }
}

/** The system shares a port among processes of one user only, so the lock need not be seen by others. */
function lockPort(host: string, port: number): () => void {
  const name = `drover-${userInfo().username}-${host.replaceAll(/[^\w.-]/g, '_')}-${port}.lock`
  try {
    return lockFile(join(tmpdir(), name))
  } catch (cause) {
    if (!(cause instanceof LockTaken)) throw cause
    throw inUse(host, port, cause)
  }
}

async function canShare(host: string, port: number): Promise<boolean> {
  try {
    await tryListen(host, port, true)
    return true
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'net/refused') return false
    throw thrown
  }
}

/** Listens for a moment. Returns the port. */
async function tryListen(host: string, port: number, reusePort: boolean): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const server = createServer((socket) => socket.destroy())
  server.once('error', reject)
  server.listen({ host, port, reusePort }, resolve)
  try {
    await promise
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') throw inUse(host, port, cause)
    const message = `cannot listen on ${host}:${port}: ${(cause as Error).message}`
    throw new Fault('net/refused', message, { host, port }, { cause })
  }
  const address = server.address()
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  await closed.promise
  return typeof address === 'object' && address !== null ? address.port : port
}

function inUse(host: string, port: number, cause: unknown): Fault {
  const message = `${host}:${port} is taken: stop the process there or choose another port with --port`
  return new Fault('net/port-in-use', message, { host, port }, { cause })
}
