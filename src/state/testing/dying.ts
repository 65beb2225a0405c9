/** A store whose process is killed between two of its transactions. */
import type { KeyValue } from '#ports/storage/key-value.ts'

export class Killed extends Error {}

/** Lets some transactions happen, then none. */
export function dying(kv: KeyValue, transactions: number): KeyValue {
  let left = transactions
  return {
    ...kv,
    write(change) {
      if (left-- === 0) throw new Killed()
      return kv.write(change)
    },
  }
}
