/** Options of `drover replica`. */
import type { OptionTable, OptionValues } from '#ports/options.ts'

export const replicaOptions = {
  id: {
    flag: 'id',
    type: 'text',
    default: 'replica-1',
    value: 'NAME',
    help: 'name of this replica, unique in its cluster',
  },
  genesisPath: {
    flag: 'genesis',
    type: 'text',
    required: true,
    value: 'FILE',
    help: "the chain's genesis.json in geth's format",
  },
  dataPath: { flag: 'data', type: 'text', required: true, value: 'DIR', help: 'where the store is kept' },
  feed: {
    flag: 'feed',
    type: 'text',
    required: true,
    value: 'ADDRESS',
    help: 'host:port or unix:PATH of the feed host',
  },
  host: { flag: 'host', type: 'text', default: '127.0.0.1', help: 'where HTTP listens' },
  port: {
    flag: 'port',
    type: 'integer',
    default: '8555',
    min: 0,
    max: 65_535,
    help: 'port of HTTP (0: any)',
  },
  link: {
    flag: 'link',
    type: 'text',
    default: '127.0.0.1:8556',
    value: 'ADDRESS',
    help: 'host:port or unix:PATH where gateways connect',
  },
  horizonBlocks: {
    flag: 'horizon',
    type: 'integer',
    default: '128',
    min: 128,
    max: 10_000_000,
    help: 'how many blocks back state can be read; never less than what is not final',
  },
  verify: {
    flag: 'verify',
    type: 'choice',
    choices: ['digest', 'strict'],
    default: 'digest',
    help: 'digest: header hash, parent and digests of each frame; strict: all roots of its header too',
  },
  prove: {
    flag: 'prove',
    type: 'choice',
    choices: ['none', 'receipts', 'root'],
    default: 'receipts',
    help: 'the level of proof from which a block counts as verified',
  },
  serve: {
    flag: 'serve',
    type: 'choice',
    choices: ['eager', 'verified'],
    default: 'eager',
    help: 'verified: the head never rises above the verified block; eager: it may, and headers tell',
  },
  callGasMax: {
    flag: 'call-gas-max',
    type: 'integer',
    default: '50000000',
    min: 21_000,
    max: 10_000_000_000,
    help: 'gas that eth_call and eth_estimateGas may use',
  },
  callTimeMaxMs: {
    flag: 'call-time-max',
    type: 'duration',
    default: '5s',
    min: 10,
    max: 300_000,
    help: 'how long one call may run',
  },
  bodyBytesMax: {
    flag: 'body-max',
    type: 'bytes',
    default: '5MiB',
    min: 1_024,
    help: 'largest request body',
  },
} as const satisfies OptionTable

export type ReplicaOptions = OptionValues<typeof replicaOptions>
