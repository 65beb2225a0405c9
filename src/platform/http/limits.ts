/** Limits of the HTTP servers: one table, shown as data and read by the code that keeps them. */
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
  headersMax: { value: 100, unit: 'headers', what: 'headers of a request', over: 'refused with 431' },
  headTimeMaxMs: {
    value: 10_000,
    unit: 'ms',
    what: "time in which a request's head must be there",
    over: 'refused with 408, the connection is closed',
  },
  requestTimeMaxMs: {
    value: 30_000,
    unit: 'ms',
    what: 'time in which the body of a request must be there',
    over: 'refused with 408, the connection is closed',
  },
  idleTimeMaxMs: {
    value: 65_000,
    unit: 'ms',
    what: 'time in which a connection neither asks nor takes',
    over: 'the connection is closed',
  },
  chunksMax: { value: 16_384, unit: 'chunks', what: 'chunks of one body', over: 'refused with 413' },
  bodyBytesHeldMax: {
    value: 256 * 1024 * 1024,
    unit: 'bytes',
    what: 'bodies that are still arriving, of all connections together',
    over: 'refused with 503',
  },
  pipelinedBytesMax: {
    value: 65_536,
    unit: 'bytes',
    what: 'requests read ahead on a connection whose answer is not there yet',
    over: 'no more is read until it is',
  },
  unreadBytesMax: {
    value: 64 * 1024 * 1024,
    unit: 'bytes',
    what: 'answers that clients do not take, of all connections together',
    over: 'the connection that holds most is cut',
  },
  refusedTimeMaxMs: {
    value: 30_000,
    unit: 'ms',
    what: 'time in which what follows a refusal is read and dropped, so that its sender can hear it',
    over: 'the connection is cut',
  },
} as const satisfies LimitTable

export type HttpLimits = { readonly [Name in keyof typeof httpLimits]: number }

export function limitValues(): HttpLimits {
  const values = Object.entries(httpLimits).map(([name, { value }]) => [name, value])
  return Object.fromEntries(values) as HttpLimits
}
