/**
 * What one master, `me`, says on a feed, as text, for tests. Records of others are commands of history.ts and read back at once; besides:
 *   me ID · grace MS · at MS, which lets time pass · proven BLOCK PARENT [delta=D] [passed], named as head
 *   unless passed · named BLOCK · marks SAFE FINAL ·
 *   unread RECORD, on the feed but not read back until somebody looks · lose append N, whose first N records are written and whose answer
 *   is lost with the feed · feed lost · feed back
 */
import { assert } from '#kernel/assert.ts'
import { createFeedMachine } from '#protocol/feed/machine.ts'
import { type Item, Publishing, type Proven, type Standing } from '#protocol/feed/publishing.ts'
import { GRACE_MS_MIN } from '#protocol/feed/grace.ts'
import { WholeFrames } from '#protocol/feed/frames/whole-frames.ts'
import { hashOf, History, nameOf, option, refNamed } from './history.ts'

interface NamedFrame extends Proven {
  readonly parent: string
  readonly delta: string
}

/** More than any story needs before it waits or has nothing to say. */
const STEPS_MAX = 100

export class Story {
  readonly output: string[] = []
  readonly #history = new History()
  readonly #machine = createFeedMachine()
  readonly #whole = new WholeFrames()
  readonly #publishing = new Publishing<NamedFrame>()
  #me = 'm2'
  #nowMs = 0
  #graceMs = GRACE_MS_MIN
  #openSinceMs = 0
  #isLost = false
  /** Records to be written of an append that will be lost. */
  #written: number | undefined
  #taken = 0
  #command = ''
  #printed = ''
  #waitMs = Number.POSITIVE_INFINITY

  run(command: string): void {
    this.#command = command
    const [verb = '', ...words] = command.split(/\s+/)
    const own = this.#commands[verb]
    if (own === undefined) {
      this.#history.command(command)
      this.#readBack()
    } else own(words)
    this.#act()
  }

  readonly #commands: Record<string, (words: readonly string[]) => void> = {
    me: ([id = '']) => (this.#me = id),
    grace: ([ms]) => (this.#graceMs = Number(ms)),
    at: ([ms]) => {
      for (; this.#waitMs <= Number(ms); this.#act()) this.#nowMs = this.#waitMs
      this.#nowMs = Number(ms)
    },
    proven: ([name = '', parent = '', ...more]) => {
      const delta = option(more, 'delta') ?? 'd'
      const block = refNamed(name)
      const rest = { deltaHash: hashOf(delta), level: 'receipts', bytes: new Uint8Array() } as const
      this.#publishing.proven({ block, parent, delta, ...rest }, this.#nowMs)
      if (!more.includes('passed')) this.#publishing.named(block)
    },
    named: ([block = '']) => this.#publishing.named(refNamed(block)),
    marks: ([safe = '', finalized = '']) => this.#publishing.marks(refNamed(safe), refNamed(finalized)),
    unread: (words) => void this.#history.command(words.join(' ')),
    lose: ([, records]) => (this.#written = Number(records)),
    feed: ([state]) => {
      this.#isLost = state === 'lost'
      if (this.#isLost) return
      this.#readBack()
      this.#openSinceMs = this.#nowMs
      this.#publishing.lost()
    },
  }

  #readBack(): void {
    const { records } = this.#history
    for (; this.#taken < records.length; this.#taken++) {
      const record = records[this.#taken] as (typeof records)[number]
      this.#machine.step(this.#taken, record)
      this.#whole.take(record)
      const heads = this.#machine.heads()
      if (heads !== undefined) this.#whole.judged(heads)
    }
  }

  /** All that can be done at this moment. */
  #act(): void {
    this.#waitMs = Number.POSITIVE_INFINITY
    for (let steps = 0; !this.#isLost; steps++) {
      assert(steps < STEPS_MAX, 'a master has nothing more to do at some time')
      const standing: Standing = {
        ...{ nowMs: this.#nowMs, graceMs: this.#graceMs, openSinceMs: this.#openSinceMs },
        rank: this.#machine.rank(this.#me),
        needs: (block, delta) => this.#whole.needs(block, delta),
      }
      const suppressed = this.#publishing.settle(standing)
      if (suppressed > 0) this.#print(`suppressed ${suppressed}`)
      const next = this.#publishing.next(standing)
      if (next.kind === 'nothing') return
      if (next.kind === 'wait') {
        this.#waitMs = next.untilMs
        return this.#print(`rank ${standing.rank ?? 'unknown'} waits until ${next.untilMs}`)
      }
      if (next.kind === 'look') {
        this.#print('look')
        this.#readBack()
        this.#publishing.looked(this.#nowMs)
      } else this.#append(next.items)
    }
  }

  #append(items: readonly Item<NamedFrame>[]): void {
    const records = items.map((item) =>
      item.kind === 'head'
        ? `head ${this.#me} ${nameOf(item.event.head)}`
        : `frame ${this.#me} ${nameOf(item.frame.block)} ${item.frame.parent} delta=${item.frame.delta}`,
    )
    const said = items.map((item) =>
      item.kind === 'head' ? `head ${nameOf(item.event.head)}` : `frame ${nameOf(item.frame.block)}`,
    )
    this.#isLost = this.#written !== undefined
    for (const record of records.slice(0, this.#written)) this.#history.command(record)
    this.#print(`append ${said.join(', ')}${this.#isLost ? ' LOST' : ''}`)
    this.#written = undefined
    if (this.#isLost) return
    this.#publishing.appended()
    this.#readBack()
  }

  #print(what: string): void {
    if (what !== this.#printed) this.output.push(`${this.#command}: ${this.#nowMs} ms ${what}`)
    this.#printed = what
  }
}
