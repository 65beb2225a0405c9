/** Who listens where. */
export const FEED = 'feed:8650'
export const GATEWAY_HOST = 'gateway'
export const GATEWAY_PORT = 8545
export const FORWARD_PORT = 8640

export function linkAddress(replica: string): string {
  return `${replica}:8556`
}
export function forwardUrl(master: string): string {
  return `http://${master}:${FORWARD_PORT}`
}
export const GATEWAY_URL = `http://${GATEWAY_HOST}:${GATEWAY_PORT}/`
