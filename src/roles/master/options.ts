/** Options of `drover master`. The composition root parses them; the environment name of a flag is DROVER_ and the flag in upper snake case. */
import type { OptionTable, OptionValues } from '#ports/options.ts'

export const masterOptions = {
  id: {
    flag: 'id',
    type: 'text',
    default: 'master-1',
    value: 'NAME',
    help: 'name of this master, unique in its cluster',
  },
  clientUrl: {
    flag: 'client',
    type: 'text',
    required: true,
    value: 'URL',
    secret: 'url',
    help: 'ws:// or http:// address of the execution client; with http:// new heads come by WebSocket from the same address where it has one, and are polled where it has not',
  },
  clientHeadsUrl: {
    flag: 'client-heads',
    type: 'text',
    value: 'URL',
    secret: 'url',
    help: 'ws:// address for new heads, where --client is http:// and the client has another port for WebSocket',
  },
  clientId: {
    flag: 'client-id',
    type: 'text',
    value: 'NAME',
    help: "name of the execution client, the same for all masters beside it and no other's (else this machine's name and the port of --client)",
  },
  genesisPath: {
    flag: 'genesis',
    type: 'text',
    required: true,
    value: 'FILE',
    help: "the chain's genesis.json in geth's format",
  },
  dataPath: {
    flag: 'data',
    type: 'text',
    required: true,
    value: 'DIR',
    help: "where the master keeps its own store; it is made again from the feed's blocks where it is lost",
  },
  trie: {
    flag: 'trie',
    type: 'switch',
    help: "keep a state trie: every block's state root is proven (level `root`), at the price of a larger store; decided when the store is made",
  },
  feed: {
    flag: 'feed',
    type: 'text',
    required: true,
    value: 'ADDRESS',
    help: 'host:port or unix:PATH of the feed host, or kafka://HOST:PORT[,HOST:PORT]/CLUSTER',
  },
  cluster: {
    flag: 'cluster',
    type: 'text',
    value: 'ID',
    help: 'id of the cluster; chosen at random where the feed is empty, and else what the feed says',
  },
  beatMs: {
    flag: 'beat-interval',
    type: 'duration',
    default: '1s',
    min: 10,
    max: 10_000,
    help: 'longest time between two beats on the feed; half a block time where that is shorter',
  },
  clientTimeoutMs: {
    flag: 'client-timeout',
    type: 'duration',
    default: '10s',
    min: 100,
    max: 120_000,
    help: 'longest time for one answer of the execution client',
    over: 'the call fails (`master/client-timeout`), and is tried again where it must succeed',
  },
  flushEveryMs: {
    flag: 'flush-every',
    type: 'duration',
    value: 'TIME',
    min: 1_000,
    max: 86_400_000,
    help: "have geth's hash scheme flush its trie this often, each time under a maintenance lease, and not on its own (needs `debug` at --client); off unless said",
  },
  forwardHost: {
    flag: 'forward-host',
    type: 'text',
    default: '127.0.0.1',
    value: 'HOST',
    help: 'where the forward port listens; other than loopback only with --forward-secret',
  },
  forwardPort: {
    flag: 'forward-port',
    type: 'integer',
    default: '8640',
    min: 0,
    max: 65_535,
    help: 'port for what replicas cannot answer: transactions, pending, deep history (0: any)',
  },
  forwardSecret: {
    flag: 'forward-secret',
    type: 'text',
    value: 'TEXT',
    secret: 'value',
    help: 'shared secret that requests to the forward port must carry (authorization: Bearer TEXT)',
  },
} as const satisfies OptionTable

export type MasterOptions = OptionValues<typeof masterOptions>
