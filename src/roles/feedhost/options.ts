/** Options of `drover feed serve`. */
import type { OptionTable, OptionValues } from '#ports/options.ts'

export const feedHostOptions = {
  dataPath: {
    flag: 'data',
    type: 'text',
    required: true,
    value: 'DIR',
    help: 'where the segments of the log are kept',
  },
  listen: {
    flag: 'listen',
    type: 'text',
    default: '127.0.0.1:8650',
    value: 'ADDRESS',
    help: 'host:port or unix:PATH where masters and replicas connect',
  },
  metricsHost: {
    flag: 'metrics-host',
    type: 'text',
    default: '127.0.0.1',
    value: 'HOST',
    help: 'where /live and /metrics are served',
  },
  metricsPort: {
    flag: 'metrics-port',
    type: 'integer',
    min: 0,
    max: 65_535,
    value: 'PORT',
    help: 'port of HTTP for /live and /metrics (0: any; else neither is served)',
  },
  segmentBytesMax: {
    flag: 'segment-max',
    type: 'bytes',
    default: '64MiB',
    min: 65_536,
    help: 'size at which a new segment is begun',
  },
  retainBytes: {
    flag: 'retain-bytes',
    type: 'bytes',
    value: 'SIZE',
    help: 'keep the log within this size by dropping its oldest segments (else all of it is kept)',
  },
  retainAgeMs: {
    flag: 'retain-age',
    type: 'duration',
    value: 'TIME',
    help: 'drop segments whose records are all older than this (else none is)',
  },
  retainWithoutBase: {
    flag: 'retain-without-base',
    type: 'switch',
    help: 'with either of these two: it is understood that no new master and no new replica can then begin',
  },
} as const satisfies OptionTable

export type FeedHostOptions = OptionValues<typeof feedHostOptions>
