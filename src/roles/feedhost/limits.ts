/** Limits of a feed host that are no option: what its parts read and what `drover config show` shows. */
import type { LimitTable } from '#kernel/limit.ts'
import { TAIL_WINDOW_BYTES } from '#ports/record-log/feed-host-protocol.ts'

export const feedHostLimits = {
  recordBytesMax: {
    value: 16 * 1024 * 1024, // frames travel in parts below 1 MB
    unit: 'bytes',
    what: 'one record',
    over: 'the append is refused (`feed/record-too-large`)',
  },
  waitingBytesMax: {
    value: 256 * 1024 * 1024,
    unit: 'bytes',
    what: 'appends that wait for the disk',
    over: 'refused (`feed/overloaded`)',
  },
  groupBytesMax: {
    value: 16 * 1024 * 1024,
    unit: 'bytes',
    what: 'written between two syncs',
    over: 'a further sync',
  },
  readBytesMax: {
    value: 8 * 1024 * 1024,
    unit: 'bytes',
    what: 'one read, whatever the client wishes',
    over: 'the answer is shorter',
  },
  pushBytesMax: {
    value: 1024 * 1024,
    unit: 'bytes',
    what: 'one push to a tail',
    over: 'a further push',
  },
  tailWindowBytesMax: {
    value: TAIL_WINDOW_BYTES,
    unit: 'bytes',
    what: 'bytes on their way to one tail',
    over: 'the tail is fed when it has taken some: a slow reader costs no memory',
  },
  retentionEveryMs: {
    value: 60_000,
    unit: 'ms',
    what: 'between two looks at what may be dropped, if no segment is begun meanwhile',
    over: 'one segment goes for its age, as many as are needed for the size',
  },
  connectionsMax: {
    value: 1_024,
    unit: 'connections',
    what: 'masters and replicas connected at once',
    over: 'a further one is refused',
  },
  connectionTailsMax: {
    value: 16,
    unit: 'connections',
    what: 'tails of one connection',
    over: 'refused (`feed/overloaded`)',
  },
} as const satisfies LimitTable
