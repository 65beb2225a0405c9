/**
 * One snapshot for all bodies of an answer thread, as long as it shows the newest commit. The applier raises the board's sequence before it
 * commits, so a snapshot whose own sequence equals the board's shows all there is; any other is bound anew for each body (architecture §3).
 * None is shared for longer than SHARED_MS_MAX: an old reader keeps its pages from being used again. What is decoded from a snapshot more
 * than once (the head's header, the view of its state) is kept with it.
 */
import type { Header } from '#chain/header/header.ts'
import type { StateView } from '#chain/state-view.ts'
import type { Clock, Timer } from '#ports/clock.ts'
import type { Snapshot } from '#state/snapshot.ts'
import type { Store } from '#state/store.ts'
import type { Board } from '#roles/replica/board.ts'
import { replicaLimits } from '#roles/replica/limits.ts'

const SHARED_MS_MAX = replicaLimits.sharedSnapshotTimeMaxMs.value
const HEADERS_MAX = 64

export interface SharedSnapshots {
  /** To be released by whoever binds it. */
  bind(): Snapshot
  /** Lets go of what nobody uses; before the store is closed. */
  rest(): void
}

interface Shared {
  readonly snapshot: Snapshot
  readonly facade: Snapshot
  users: number
}

export function createSharedSnapshots(
  store: Pick<Store, 'snapshot'>,
  { board, clock }: { readonly board: Board; readonly clock: Clock },
): SharedSnapshots {
  let current: Shared | undefined
  let timer: Timer | undefined

  const rest = (): void => {
    timer?.cancel()
    const retired = current
    current = undefined
    if (retired?.users === 0) retired.snapshot.release()
  }
  const release = (shared: Shared): void => {
    if (--shared.users === 0 && shared !== current) shared.snapshot.release()
  }
  const renew = (): Shared => {
    rest()
    const shared = share(store.snapshot(), () => release(shared))
    current = shared
    timer = clock.after(SHARED_MS_MAX, rest)
    return shared
  }
  return {
    rest,
    bind() {
      const shared = current?.snapshot.sequence === board.sequence() ? (current as Shared) : renew()
      shared.users++
      return shared.facade
    },
  }
}

function share(snapshot: Snapshot, release: () => void): Shared {
  const headers = new Map<number, Header | undefined>()
  let lastState: { readonly number: number; readonly view: StateView } | undefined
  const facade: Snapshot = {
    ...snapshot,
    header(number) {
      const known = headers.get(number)
      if (known !== undefined) return known
      const header = snapshot.header(number)
      if (headers.size < HEADERS_MAX) headers.set(number, header)
      return header
    },
    rawBlock: (number) => snapshot.rawBlock(number, facade.header(number)),
    stateAt(number) {
      if (lastState?.number !== number) lastState = { number, view: snapshot.stateAt(number) }
      return lastState.view
    },
    release,
  }
  return { snapshot, facade, users: 0 }
}
