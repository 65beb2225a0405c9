/**
 * All of simulated time: a queue of (due, sequence), and nothing else decides what happens next. One event runs a turn; the host gives the
 * promises of that turn all the time they need (a macrotask of its own) before it asks for the next, so a chain of awaits of any length
 * happens at one instant, as it does between two turns of a real event loop.
 */
import { assert } from '#kernel/assert.ts'

export interface Scheduled {
  cancel(): void
}

/** Whoever an event happens to: may be gone when it falls due, or stopped for a while. */
export interface Owner {
  /** `run` the event now, `drop` it, or `hold` it: the owner schedules it again when it goes on. */
  fate(): 'run' | 'drop' | 'hold'
  hold(event: SchedulerEvent): void
}

export interface SchedulerEvent {
  readonly dueMs: number
  readonly sequence: number
  readonly owner: Owner | undefined
  readonly fire: () => void
  cancelled: boolean
}

/** Events waiting; over it something schedules without end. */
const EVENTS_MAX = 100_000

export class Scheduler {
  readonly #heap: SchedulerEvent[] = []
  #nowMs = 0
  #sequence = 0
  #turns = 0

  nowMs(): number {
    return this.#nowMs
  }
  /** Events that have not run. */
  waiting(): number {
    return this.#heap.length
  }
  /** Events that have run. */
  turns(): number {
    return this.#turns
  }

  after(delayMs: number, owner: Owner | undefined, fire: () => void): Scheduled {
    const dueMs = this.#nowMs + Math.max(0, delayMs)
    const event: SchedulerEvent = { dueMs, sequence: this.#sequence++, owner, fire, cancelled: false }
    this.#push(event)
    return {
      cancel() {
        event.cancelled = true
      },
    }
  }

  /** An event that was held falls due now, after those that already do. */
  again(held: SchedulerEvent): void {
    if (held.cancelled) return
    this.after(0, held.owner, () => {
      if (!held.cancelled) held.fire() // it may be cancelled while it waits again
    })
  }

  /** Runs the next event; false when none is left before `untilMs`. */
  turn(untilMs: number): boolean {
    for (;;) {
      const event = this.#heap[0]
      if (event === undefined || event.dueMs > untilMs) return false
      this.#pop()
      if (event.cancelled) continue
      const fate = event.owner?.fate() ?? 'run'
      if (fate === 'drop') continue
      if (fate === 'hold') {
        event.owner?.hold(event)
        continue
      }
      assert(event.dueMs >= this.#nowMs, 'time does not go back')
      this.#nowMs = event.dueMs
      this.#turns++
      event.fire()
      return true
    }
  }

  #push(event: SchedulerEvent): void {
    const heap = this.#heap
    assert(heap.length < EVENTS_MAX, 'the simulation has a bounded number of events waiting')
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent] as SchedulerEvent)) break
      heap[at] = heap[parent] as SchedulerEvent
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as SchedulerEvent
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (
        child + 1 < heap.length &&
        isBefore(heap[child + 1] as SchedulerEvent, heap[child] as SchedulerEvent)
      )
        child++
      if (!isBefore(heap[child] as SchedulerEvent, last)) break
      heap[at] = heap[child] as SchedulerEvent
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: SchedulerEvent, b: SchedulerEvent): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence)
}
