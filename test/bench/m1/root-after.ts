/** The state root after a block of a profile, which nobody executed. */
import type { Frame } from '#chain/block/frame.ts'
import { fromHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Compress } from '#ports/compress.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { openStore } from '#state/open-store.ts'

/** What the store itself says: it takes no block whose root is another. */
export function rootAfter(kv: KeyValue, compress: Compress): (frame: Frame) => Uint8Array {
  const store = openStore(kv, { compress })
  return (frame) => {
    try {
      store.commit((writer) => writer.apply(frame))
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === 'store/state-root')
        return fromHex(String(thrown.detail['computed']))
      throw thrown
    }
    throw new Error('a root that nobody computed is not the root')
  }
}
