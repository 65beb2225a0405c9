/** Options of `drover gateway`. */
import { memoryOptions } from '#ports/memory-guard.ts'
import type { OptionTable, OptionValues } from '#ports/options.ts'
import { gateOptions } from '#rpc/gate.ts'

export const gatewayOptions = {
  id: {
    flag: 'id',
    type: 'text',
    default: 'gateway-1',
    value: 'NAME',
    help: 'name of this gateway, for logs',
  },
  host: { flag: 'host', type: 'text', default: '127.0.0.1', help: 'where HTTP listens' },
  port: {
    flag: 'port',
    type: 'integer',
    default: '8545',
    min: 0,
    max: 65_535,
    help: 'port of HTTP (0: any)',
  },
  replicas: {
    flag: 'replicas',
    type: 'list',
    required: true,
    value: 'ADDRESS,…',
    help: 'link addresses of the replicas: host:port or unix:PATH',
  },
  masters: {
    flag: 'masters',
    type: 'list',
    default: '',
    value: 'URL,…',
    secret: 'url',
    help: 'forward ports of the masters, for transactions, pending and deep history',
  },
  forwardSecret: {
    flag: 'forward-secret',
    type: 'text',
    value: 'TEXT',
    secret: 'value',
    help: 'shared secret of the forward ports',
  },
  bodyBytesMax: {
    flag: 'body-max',
    type: 'bytes',
    default: '5MiB',
    min: 1_024,
    help: 'largest request body',
    over: 'refused with 413',
  },
  requestTimeMaxMs: {
    flag: 'request-time-max',
    type: 'duration',
    default: '30s',
    min: 100,
    max: 300_000,
    help: 'longest time for one request',
    over: 'what is not answered by then is refused with -32002',
  },
  requestsInFlightMax: {
    flag: 'in-flight-max',
    type: 'integer',
    default: '1024',
    min: 1,
    max: 100_000,
    help: 'requests answered at once; more wait in the queue',
    over: 'further ones wait',
  },
  requestsQueuedMax: {
    flag: 'queue-max',
    type: 'integer',
    default: '4096',
    min: 0,
    max: 100_000,
    help: 'requests that wait for their turn; more are refused with -32005',
    over: 'refused with -32005 and 503',
  },
  ...gateOptions,
  ...memoryOptions,
} as const satisfies OptionTable

export type GatewayOptions = OptionValues<typeof gatewayOptions>
