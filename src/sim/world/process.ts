/**
 * A simulated process: a program that is started, killed between two turns (or inside a commit), paused and started again by its supervisor.
 * A killed life is never called again: its timers do not fire, nothing is delivered to it, and what it still does while the stack unwinds
 * reaches nobody. What outlives it (a disk, a store) is kept by whoever made the program.
 */
import { assert } from '#kernel/assert.ts'
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { Prng } from '#kernel/prng.ts'
import { createLifeClock } from './clock.ts'
import type { ClockFacts, Life, Program } from './life.ts'
import { createLifeLog } from './log.ts'
import type { SchedulerEvent } from './scheduler.ts'
import type { World } from './world.ts'

/** Faults with which a process may end under the faults of a run, to be started again. */
const EXITS: readonly (readonly [process: string, code: string])[] = [
  // It came back while its last words were still on their way, and finds its own epoch taken (architecture §4).
  ['master', 'master/duplicate-id'],
  // A log that cannot be opened, a store that cannot be made: there is nothing to serve yet.
  ['feed', 'disk/failed'],
  ['feed', 'disk/full'],
  ['replica', 'store/disk-low'],
]

const RESTART_MS_MIN = 50
const RESTART_MS_MAX = 400
/** A process that was asked to stop and does not is killed. */
const STOP_MS_MAX = 5_000

export class SimProcess {
  readonly name: string
  readonly #world: World
  readonly #program: Program
  readonly #random: Prng
  #life: (Life & { end(): void; abort(): void }) | undefined
  #lives = 0
  #isPaused = false
  #pausedMs = 0
  #lastPause: ReturnType<Life['lastPause']>
  #held: SchedulerEvent[] = []
  /** The supervisor starts it again; false while a fault keeps it down. */
  #isWanted = false
  #rate = 1
  #wallOffsetMs = 0

  constructor(name: string, world: World, program: Program) {
    this.name = name
    this.#world = world
    this.#program = program
    this.#random = world.random.child(name)
  }

  isUp(): boolean {
    return this.#life !== undefined
  }
  isPaused(): boolean {
    return this.#isPaused
  }
  life(): Life | undefined {
    return this.#life
  }
  lives(): number {
    return this.#lives
  }
  /** How fast its clock runs, and by how much its wall clock is off. */
  clockFacts(): ClockFacts {
    return { rate: this.#rate, wallOffsetMs: this.#wallOffsetMs }
  }
  /** Takes effect for timers that are armed from now on. */
  setClock(rate: number, wallOffsetMs: number): void {
    this.#rate = rate
    this.#wallOffsetMs = wallOffsetMs
  }

  start(): void {
    this.#isWanted = true
    if (this.#life !== undefined) return
    const life = this.#newLife()
    this.#life = life
    this.#world.trace.line(this.name, `starts (life ${this.#lives})`)
    void this.#run(life)
  }

  /** SIGKILL: at once, for ever or until `start`. */
  kill(why: string): void {
    this.#isWanted = false
    this.#endLife(why)
  }
  /** SIGKILL, and its supervisor starts it again. */
  killAndRestart(why: string): void {
    this.#endLife(why)
    this.#restartSoon()
  }
  /** SIGTERM: it may say goodbye. */
  stop(): void {
    this.#isWanted = false
    const life = this.#life
    if (life === undefined) return
    this.#world.trace.line(this.name, 'is asked to stop')
    life.abort()
    this.#world.scheduler.after(STOP_MS_MAX, undefined, () => {
      if (this.#life === life) this.#endLife('did not stop in time and is killed')
    })
  }
  pause(): void {
    if (this.#life === undefined || this.#isPaused) return
    this.#isPaused = true
    this.#pausedMs = this.#world.scheduler.nowMs()
    this.#world.trace.line(this.name, 'is paused')
  }
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#lastPause = { fromMs: this.#pausedMs, untilMs: this.#world.scheduler.nowMs() }
    this.#world.trace.line(this.name, 'goes on')
    for (const event of this.#held.splice(0)) this.#world.scheduler.again(event)
  }

  #newLife() {
    const controller = new AbortController()
    const cleanups: (() => void)[] = []
    let alive = true
    let timers = 0
    const random = this.#random.child(`life ${++this.#lives}`)
    const life: Life & { end(): void; abort(): void } = {
      name: this.name,
      number: this.#lives,
      random,
      clock: undefined as never,
      log: createLifeLog(this.name, this.#world, () => alive),
      signal: controller.signal,
      isAlive: () => alive,
      fate: () => (!alive ? 'drop' : this.#isPaused ? 'hold' : 'run'),
      hold: (event) => void this.#held.push(event),
      after: (delayMs, fire) => this.#world.scheduler.after(delayMs, life, fire),
      onEnd: (cleanup) => void cleanups.push(cleanup),
      killAndRestart: (why) => this.killAndRestart(why),
      clockFacts: () => this.clockFacts(),
      lastPause: () => this.#lastPause,
      timers: () => timers,
      timerArmed: (change) => (timers += change),
      end() {
        alive = false
        for (const cleanup of cleanups) cleanup()
      },
      abort: () => controller.abort(new Fault('scope/closed', `${this.name} was asked to stop`)),
    }
    return Object.assign(life, { clock: createLifeClock(life, this.#world) })
  }

  async #run(life: Life): Promise<void> {
    let failure: unknown
    try {
      await this.#program(life)
    } catch (thrown) {
      failure = thrown
    }
    if (!life.isAlive()) return
    if (failure !== undefined) this.#judge(failure)
    this.#endLife(failure === undefined ? 'ends' : `exits: ${messageOf(failure)}`)
    if (this.#isWanted) this.#restartSoon()
  }

  #restartSoon(): void {
    const delayMs = this.#random.between(RESTART_MS_MIN, RESTART_MS_MAX)
    this.#world.scheduler.after(delayMs, undefined, () => {
      if (this.#isWanted) this.start()
    })
  }

  /** Only a fault may end a process: all else is a bug of ours. */
  #judge(failure: unknown): void {
    const code = faultCode(failure)
    if (EXITS.some(([name, known]) => this.name.startsWith(name) && code === known)) return
    const stack = failure instanceof Error ? (failure.stack ?? '') : ''
    this.#world.violate('bug', `${this.name} exits: ${code ?? ''} ${messageOf(failure)} ${stack}`)
  }

  #endLife(why: string): void {
    const life = this.#life
    if (life === undefined) return
    assert(life.isAlive(), 'a life ends once')
    this.#world.trace.line(this.name, why)
    this.#life = undefined
    this.#isPaused = false
    this.#lastPause = undefined
    this.#held = []
    life.end()
  }
}
