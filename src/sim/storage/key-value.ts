/**
 * A store that outlives its process: what was committed is there after a kill, as in LMDB, and nothing else. A life may be killed right
 * before or right after any of its commits, where the next one would have come in the same turn.
 */
import { memoryKeyValue } from '#state/testing/memory-key-value.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import { Fault } from '#kernel/fault.ts'
import type { Prng } from '#kernel/prng.ts'
import { Killed, type Life } from '#sim/world/life.ts'
import { openStore } from '#state/open-store.ts'
import { stored } from './stored.ts'

export interface StoreDisk {
  /** What the processes of this machine have committed: for checkers too. */
  readonly kv: KeyValue
  /** As one life sees it. */
  open(life: Life, faults: StoreFaults, random: Prng): KeyValue
  /** A commit was made. */
  onCommit(seen: () => void): void
}

export interface StoreFaults {
  /** A commit is the life's last turn. */
  killAtCommit: number
  /** A commit that leaves a switch half made is the life's last turn. */
  killInSwitch: number
  /** The disk has no room for a transaction. */
  full: boolean
}

export function createStoreDisk(): StoreDisk {
  const kv = memoryKeyValue()
  const listeners: (() => void)[] = []
  return {
    kv,
    onCommit: (seen) => void listeners.push(seen),
    open(life, faults, random) {
      const alive = (): void => {
        if (!life.isAlive()) throw new Killed('the process is gone')
      }
      return {
        read() {
          alive()
          return kv.read()
        },
        write(change) {
          alive()
          if (faults.full) throw new Fault('store/disk-low', 'the disk has no room for a transaction')
          const isLast = random.chance(faults.killAtCommit)
          if (isLast && random.chance(0.5)) kill(life, 'before')
          const result = kv.write(change)
          for (const seen of listeners) seen()
          if (isLast) kill(life, 'after')
          if (faults.killInSwitch > 0 && isInSwitch(kv) && random.chance(faults.killInSwitch))
            kill(life, 'within a switch, after')
          return result
        },
        bytes: (table) => kv.bytes(table),
        close: () => Promise.resolve(),
      }
    },
  }
}

/** More transactions belong to what was committed. */
function isInSwitch(kv: KeyValue): boolean {
  const store = openStore(kv, { compress: stored })
  if (store.identity() === undefined) return false
  const snapshot = store.snapshot()
  snapshot.release()
  return snapshot.catchingUpTo !== undefined
}

function kill(life: Life, when: string): never {
  life.killAndRestart(`is killed ${when} a commit`)
  throw new Killed('the process is gone')
}
