/** Limits of a store on LMDB. */
import type { LimitTable } from '#kernel/limit.ts'

export const storeLimits = {
  diskReserveBytes: {
    value: 8 << 20, // more than one block writes; a transaction that is larger looks for as much again while it grows
    unit: 'bytes',
    what: 'room kept on the disk behind a store that is not durable',
    over: 'nothing is written (`store/disk-low`), what is there is served on, and writing goes on when there is room',
  },
  closeTimeMaxMs: {
    value: 3_000, // a process that ends has eight seconds
    unit: 'ms',
    what: 'time in which a store that is not durable is brought to the disk when it is closed',
    over: 'it is left as a killed process leaves it: good until the machine goes down',
  },
  readersMax: {
    value: 512, // one for each live read transaction of every thread and process
    unit: 'readers',
    what: 'read transactions of a store at once',
    over: 'the request fails with -32603',
  },
} as const satisfies LimitTable
