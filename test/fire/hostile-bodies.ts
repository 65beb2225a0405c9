/** Bodies that somebody might send out of error or malice, from one seed. */
const ADDRESS = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
const WORD = `0x${'11'.repeat(32)}`
const GOOD: readonly (readonly [method: string, params: readonly unknown[]])[] = [
  ['eth_blockNumber', []],
  ['eth_chainId', []],
  ['eth_getBalance', [ADDRESS, 'latest']],
  ['eth_getStorageAt', [ADDRESS, '0x0', 'latest']],
  ['eth_getBlockByNumber', ['latest', true]],
  ['eth_getBlockByHash', [WORD, false]],
  ['eth_getTransactionReceipt', [WORD]],
  ['eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest', address: ADDRESS, topics: [[WORD], null] }]],
  ['eth_call', [{ to: ADDRESS, data: '0x', gas: '0xffff' }, 'latest']],
  ['eth_estimateGas', [{ from: ADDRESS, to: ADDRESS, value: '0x1' }]],
  ['eth_feeHistory', ['0x4', 'latest', [10, 50]]],
  ['eth_sendRawTransaction', [`0x02${'00'.repeat(100)}`]],
  ['eth_getProof', [ADDRESS, [WORD], 'latest']],
  ['debug_traceTransaction', [WORD, {}]],
  ['web3_sha3', ['0x00']],
]
const STRANGE: readonly unknown[] = [
  null, true, -1, 1e308, 0.1, '', '0x', '0x0g', 'latest', `0x${'f'.repeat(70)}`, [], {}, [[]], { a: { b: [] } },
  '\u0000', '\ud800', '💣'.repeat(50), { __proto__: 1, constructor: 2 }, '0x'.padEnd(5_000, '0'), Number.MAX_SAFE_INTEGER,
] // biome-ignore format: one table

export interface HostileRequest {
  readonly body: Uint8Array
  readonly contentType: string
  /** Every call of it is a notification, or there is none: no answer is an answer. */
  readonly maySayNothing: boolean
}

/** @param random from 0 to 1 */
export function createHostile(random: () => number): () => HostileRequest {
  const upTo = (n: number): number => Math.floor(random() * n)
  const oneOf = <T>(list: readonly T[]): T => list[upTo(list.length)] as T
  const good = (): Record<string, unknown> => {
    const [method, params] = oneOf(GOOD)
    return { jsonrpc: '2.0', id: upTo(1_000), method, params: structuredClone(params) }
  }
  const bytes = (text: string): Uint8Array => Buffer.from(text)
  const spoiled = (): Record<string, unknown> => {
    const call = good()
    const params = call['params'] as unknown[]
    switch (upTo(8)) {
      case 0:
        params[upTo(params.length + 1)] = oneOf(STRANGE)
        break
      case 1:
        call['params'] = oneOf(STRANGE)
        break
      case 2:
        call['id'] = oneOf(STRANGE)
        break
      case 3:
        call['method'] = oneOf([
          ...STRANGE,
          'eth_'.repeat(upTo(2_000)),
          'eth_subscribe',
          'admin_peers',
          '__proto__',
        ])
        break
      case 4:
        call['jsonrpc'] = oneOf(STRANGE)
        break
      case 5:
        delete call[oneOf(['id', 'method', 'params', 'jsonrpc'])]
        break
      case 6:
        call[oneOf(['extra', 'ID', '__proto__', ''])] = oneOf(STRANGE)
        break
      case 7:
        for (let i = upTo(40); i > 0; i--) params.push(oneOf(STRANGE))
    }
    return call
  }
  const mutated = (): Uint8Array => {
    const from = Buffer.from(JSON.stringify(random() < 0.5 ? good() : [good(), spoiled()]))
    for (let i = 1 + upTo(4); i > 0; i--)
      from[upTo(from.length)] = oneOf([upTo(256), 0x22, 0x5b, 0x7d, 0x2c, 0xff, 0xc0, 0])
    return random() < 0.2 ? from.subarray(0, upTo(from.length)) : from
  }
  const nested = (): string => {
    const depth = 1 + upTo(3_000)
    return oneOf([
      '['.repeat(depth) + ']'.repeat(depth),
      '{"a":'.repeat(depth) + '1' + '}'.repeat(depth),
      '['.repeat(depth),
      JSON.stringify(good()).replace('"params":', `"x":${'['.repeat(depth)}${']'.repeat(depth)},"params":`),
    ])
  }
  const batch = (): string => {
    const length = oneOf([0, 1, 2, 10, 100, 1_000, 1_001, 1_500])
    const item = oneOf<() => unknown>([
      () => oneOf(STRANGE),
      spoiled,
      good,
      () => ({ jsonrpc: '2.0', method: 'eth_chainId' }),
    ])
    return JSON.stringify(Array.from({ length }, item))
  }
  const kinds: readonly (readonly [weight: number, make: () => Uint8Array])[] = [
    [40, () => bytes(JSON.stringify(spoiled()))],
    [30, mutated],
    [10, () => bytes(nested())],
    [0.3, () => bytes(batch())],
    [
      5,
      () =>
        bytes(
          oneOf([
            '',
            ' ',
            'null',
            '5',
            '"x"',
            '[]',
            '{}',
            '[[]]',
            '{"jsonrpc":"2.0"}',
            '\ufeff{}',
            '[1,2',
            'NaN',
          ]),
        ),
    ],
    [4, () => bytes(`[${','.repeat(upTo(5_000))}]`)],
    [5, () => Uint8Array.from({ length: upTo(300) }, () => upTo(256))],
    [1, () => bytes(JSON.stringify(good()).padEnd(upTo(200_000), ' '))],
    [4, () => bytes(JSON.stringify({ ...good(), id: `${upTo(10)}`.repeat(upTo(2_000)) }))],
  ]
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0)
  return () => {
    let at = random() * total
    const [, make] = kinds.find(([weight]) => (at -= weight) < 0) ?? (kinds[0] as (typeof kinds)[0])
    const body = make()
    const contentType =
      random() < 0.95
        ? 'application/json'
        : oneOf(['text/plain', '', 'application/json;x', 'a/b', 'APPLICATION/JSON'])
    return { body, contentType, maySayNothing: hasNotifications(body) }
  }
}

/** Or is empty: then HTTP 200 without a body is what geth gives too. */
function hasNotifications(body: Uint8Array): boolean {
  if (body.length === 0) return true
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString())
    const calls = Array.isArray(parsed) ? parsed : [parsed]
    return (
      calls.length > 0 && calls.every((call) => typeof call === 'object' && call !== null && !('id' in call))
    )
  } catch {
    return false
  }
}

/** What is wrong with an answer as JSON-RPC; undefined where nothing is. */
export function wrongAnswer(
  status: number,
  contentType: string,
  body: string,
  maySayNothing: boolean,
): string | undefined {
  if (![200, 400, 413, 415, 503].includes(status)) return `status ${status}`
  if (!contentType.startsWith('application/json'))
    return status === 413 || status === 415 || body === '' ? undefined : 'no JSON'
  if (body === '') return maySayNothing ? undefined : 'an empty answer'
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return 'not JSON'
  }
  const items: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  if (items.length === 0) return 'an empty list'
  for (const item of items) {
    const wrong = wrongItem(item)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function wrongItem(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return 'an answer that is no object'
  const { jsonrpc, id, result, error } = item as Record<string, unknown>
  if (jsonrpc !== '2.0') return 'not version 2.0'
  // true and false too: geth gives them back.
  if (!('id' in item) || (typeof id === 'object' && id !== null)) return `id ${JSON.stringify(id)}`
  if ((result === undefined) === (error === undefined)) return 'not either a result or an error'
  if (error === undefined) return undefined
  const { code, message } = error as Record<string, unknown>
  return Number.isInteger(code) && typeof message === 'string' ? undefined : `error ${JSON.stringify(error)}`
}
