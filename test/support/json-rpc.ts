/** JSON-RPC as a plain client speaks it. */
export interface RpcAnswer {
  readonly jsonrpc: '2.0'
  readonly id: unknown
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    ...(signal && { signal }),
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

export async function answer(
  url: string,
  method: string,
  params: readonly unknown[],
  signal?: AbortSignal,
): Promise<RpcAnswer> {
  const response = await post(url, { jsonrpc: '2.0', id: 1, method, params }, {}, signal)
  return (await response.json()) as RpcAnswer
}

/** @throws where the answer is an error */
export async function result(url: string, method: string, params: readonly unknown[] = []): Promise<unknown> {
  const { result: value, error } = await answer(url, method, params)
  if (error !== undefined) throw new Error(`${method}: ${error.code} ${error.message}`)
  return value
}

/** Many calls as batches of at most `size`; results in order. */
export async function resultsOf(
  url: string,
  calls: readonly (readonly [method: string, params: readonly unknown[]])[],
  size = 500,
): Promise<unknown[]> {
  const out: unknown[] = []
  for (let at = 0; at < calls.length; at += size) {
    const batch = calls
      .slice(at, at + size)
      .map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
    const answers = (await (await post(url, batch)).json()) as RpcAnswer[]
    if (!Array.isArray(answers)) throw new Error(`a batch was refused: ${JSON.stringify(answers)}`)
    const byId = new Map(answers.map((one) => [one.id, one]))
    for (const { id, method } of batch) {
      const one = byId.get(id)
      if (one === undefined || one.error !== undefined) throw new Error(`${method}: ${JSON.stringify(one)}`)
      out.push(one.result)
    }
  }
  return out
}
