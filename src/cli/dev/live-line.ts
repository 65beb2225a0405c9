/** The one live line of `drover dev`: head, verified, each replica's lag, requests a second. On a terminal it redraws itself; elsewhere a line every ten seconds. */

import type { GatewayStatus } from '#roles/gateway/status.ts'

const TERMINAL_EVERY_MS = 250
const ELSEWHERE_EVERY_MS = 10_000

export function startLiveLine(statusUrl: string, out: NodeJS.WriteStream): { stop(): void } {
  let last: { requests: number; atMs: number } | undefined
  const everyMs = out.isTTY ? TERMINAL_EVERY_MS : ELSEWHERE_EVERY_MS
  const draw = async (): Promise<void> => {
    const atMs = performance.now()
    let line: string
    try {
      const response = await fetch(statusUrl, { signal: AbortSignal.timeout(2_000) })
      const status = (await response.json()) as GatewayStatus
      const rate = last === undefined ? 0 : ((status.requests - last.requests) / (atMs - last.atMs)) * 1_000
      last = { requests: status.requests, atMs }
      line = renderLine(status, rate)
    } catch {
      line = 'the gateway does not answer'
    }
    out.write(out.isTTY ? `\r\u001b[2K${line}` : `${line}\n`)
  }
  const timer = setInterval(() => void draw(), everyMs)
  void draw()
  return {
    stop() {
      clearInterval(timer)
      if (out.isTTY) out.write('\n')
    },
  }
}

export function renderLine(status: GatewayStatus, requestsPerSecond: number): string {
  const lags = status.replicas.map(
    ({ id, lag }) => `${id} ${lag === null ? 'away' : lag === 0 ? 'at head' : `−${lag}`}`,
  )
  const head = status.head === null ? 'no head yet' : `head ${status.head.number}`
  const verified = status.verified === null ? '' : `  verified ${status.verified}`
  return `${head}${verified}  ${lags.join('  ')}  ${Math.max(0, requestsPerSecond).toFixed(0)} req/s`
}
