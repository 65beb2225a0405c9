/** Ports of this machine. */
import { createServer } from 'node:net'

/** How many ports after the wanted one are tried. */
const TRIES_MAX = 50

/** The first free port at or after `wanted` on loopback; undefined when none of the next is free. */
export async function freePortFrom(wanted: number): Promise<number | undefined> {
  for (let port = wanted; port < wanted + TRIES_MAX && port < 65_536; port++) {
    if (await isFree(port)) return port
  }
  return undefined
}

/** Any free port, from the operating system. */
export async function anyFreePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.on('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
  })
  return promise
}

async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.on('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  return promise
}
