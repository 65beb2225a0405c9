/** How both servers take their port, and say why they cannot. */
import type { Server } from 'node:net'
import { Fault } from '#kernel/fault.ts'
import { httpLimits } from './limits.ts'

export interface ListenPlace {
  readonly host: string
  readonly port: number
  readonly shared?: 'reusePort'
}

/** @returns the port @throws Fault net/port-in-use, net/refused */
export async function listenAt(server: Server, { host, port, shared }: ListenPlace): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const failed = (error: NodeJS.ErrnoException): void => reject(explain(error, host, port))
  server.once('error', failed)
  const backlog = httpLimits.backlogMax.value
  server.listen({ host, port, backlog, reusePort: shared === 'reusePort' }, resolve)
  await promise
  server.off('error', failed)
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Fault {
  const where = { host, port }
  if (error.code === 'EADDRINUSE') {
    const message = `${host}:${port} is taken: stop the process there or choose another port with --port`
    return new Fault('net/port-in-use', message, where, { cause: error })
  }
  return new Fault('net/refused', `cannot listen on ${host}:${port}: ${error.message}`, where, {
    cause: error,
  })
}
