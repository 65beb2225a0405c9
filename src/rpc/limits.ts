/** Limits of what one body of JSON-RPC may hold, in a replica and in a gateway alike. */
import type { LimitTable } from '#kernel/limit.ts'

export const rpcLimits = {
  batchCallsMax: {
    value: 1_000, // geth's
    unit: 'calls',
    what: 'calls of one batch',
    over: 'the batch is refused with -32600',
  },
  bodyDepthMax: {
    value: 32,
    unit: 'levels',
    what: 'nesting of a body',
    over: 'the body is refused with -32600',
  },
  bodyValuesMax: {
    value: 200_000,
    unit: 'values',
    what: 'values of a body, counted before anything is made of it',
    over: 'the body is refused with -32600',
  },
  methodCharactersMax: {
    value: 2_048, // geth's
    unit: 'characters',
    what: "a method's name",
    over: 'the call is refused with -32600',
  },
  filterAlternativesMax: {
    value: 1_000, // geth's
    unit: 'values',
    what: 'addresses of a log filter, and alternatives of one topic',
    over: 'the call is refused with -32000',
  },
  storageSlotsMax: {
    value: 1_024, // geth's
    unit: 'values',
    what: 'slots of one eth_getStorageValues',
    over: 'the call is refused with -38026',
  },
  proofKeysMax: {
    value: 1_024, // geth's
    unit: 'values',
    what: 'slots of one eth_getProof',
    over: 'the call is refused with -32602',
  },
  largeBodyBytes: {
    value: 64 * 1024,
    unit: 'bytes',
    what: 'a body that is not small: one that comes in one piece always finds room',
    over: 'counts for the next two; one without a length counts as the largest that is allowed',
  },
  largeBodiesBytesMax: {
    value: 64 * 1024 * 1024,
    unit: 'bytes',
    what: 'bodies that are not small, on their way or being answered',
    over: 'a further one is refused with -32005 and 503',
  },
  clientLargeBodiesBytesMax: {
    value: 16 * 1024 * 1024,
    unit: 'bytes',
    what: 'the same, of one client',
    over: 'a further one is refused with -32005 and 503',
  },
} as const satisfies LimitTable
