/** Limits of the HTTP servers, the same for both implementations of the port. */
import type { LimitTable } from '#kernel/limit.ts'

export const httpLimits = {
  connectionsMax: {
    value: 20_000,
    unit: 'connections',
    what: 'open connections of users',
    over: 'a new connection is closed',
  },
  backlogMax: {
    value: 4_096,
    unit: 'connections',
    what: 'connections that wait to be accepted',
    over: 'the system makes the client try again',
  },
  headBytesMax: { value: 16_384, unit: 'bytes', what: "a request's head", over: 'refused with 431' },
  headersMax: { value: 100, unit: 'headers', what: 'headers of a request', over: 'the rest is not read' },
  headTimeMaxMs: {
    value: 10_000,
    unit: 'ms',
    what: "time in which a request's head must be there",
    over: 'refused with 408, the connection is closed',
  },
  requestTimeMaxMs: {
    value: 30_000,
    unit: 'ms',
    what: 'time in which a whole request, body included, must be there',
    over: 'refused with 408, the connection is closed',
  },
  idleTimeMaxMs: {
    value: 65_000,
    unit: 'ms',
    what: 'time in which a connection neither asks nor takes',
    over: 'the connection is closed',
  },
} as const satisfies LimitTable
