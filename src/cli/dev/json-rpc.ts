/** One JSON-RPC call over HTTP, for the dev cluster's own use. */
export type JsonRpcUrl = string

const CALL_TIMEOUT_MS = 10_000

/** @throws Error with the message of the response's error object, or of the connection's */
export async function call(url: JsonRpcUrl, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  })
  const body = (await response.json()) as { result?: unknown; error?: { message: string } }
  if (body.error !== undefined) throw new Error(`${method}: ${body.error.message}`)
  return body.result
}
