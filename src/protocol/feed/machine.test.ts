import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import type { BlockHash, BlockRef } from '#chain/block-ref.ts'
import type { Hex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { FeedEffect } from './effects.ts'
import { createFeedMachine, type FeedMachine, restoreFeedMachine } from './machine.ts'
import type { FeedRecord, Phase, RecordBody } from './records.ts'

/**
 * Histories are written in testdata/*.txt: commands, `----`, what the machine did. A block is its number and the name of its branch, `5b`;
 * without a name it is `5`. UPDATE=1 records what the machine does now.
 *   generation | frame P BLOCK PARENT [PART/OF] | head P BLOCK [safe=B] [final=B] | beat P [PHASE] | life P EPOCH [INCARNATION]
 */
class History {
  readonly records: FeedRecord[] = []
  readonly #lives = new Map<string, { epoch: number; incarnation: bigint; sequence: number }>()

  command(line: string): FeedRecord | undefined {
    const [verb = '', producer = 'm1', ...words] = line.split(/\s+/)
    const named = (name: string): BlockRef | undefined => {
      const word = words.find((each) => each.startsWith(`${name}=`))
      return word === undefined ? undefined : ref(word.slice(name.length + 1))
    }
    switch (verb) {
      case 'generation':
        return this.#record(producer, {
          kind: 'generation',
          chainId: 1n,
          genesisHash: hash('0'),
          generation: 1,
          base: ref('0'),
          baseHeader: new Uint8Array(),
          baseStateRoot: hash('0'),
          settings: { agree: 1 },
        })
      case 'frame': {
        const [index = 0, count = 1] = (words[2] ?? '').split('/').map(Number)
        const many = words[2] !== undefined
        const block = ref(words[0] ?? '')
        return this.#record(producer, {
          kind: 'framePart',
          block,
          parent: ref(words[1] ?? '').hash,
          frameDigest: hash(`f${words[0]}${producer}`),
          deltaHash: hash('d'),
          level: 'receipts',
          index: many ? index - 1 : 0,
          count: many ? count : 1,
          bytes: new Uint8Array(),
        })
      }
      case 'head': {
        const safe = named('safe')
        const finalized = named('final')
        return this.#record(producer, {
          kind: 'headEvent',
          head: ref(words[0] ?? ''),
          ...(safe && { safe }),
          ...(finalized && { finalized }),
          checked: [],
        })
      }
      case 'beat':
        return this.#record(producer, {
          kind: 'beat',
          phase: (words[0] ?? 'serving') as Phase,
          head: ref('0'),
          client: { id: 'c', version: 'v' },
        })
      case 'life':
        this.#lives.set(producer, {
          epoch: Number(words[0]),
          incarnation: BigInt(words[1] ?? words[0] ?? 1),
          sequence: 0,
        })
        return undefined
      default:
        throw new Error(`no command "${line}"`)
    }
  }
  #record(producer: string, body: RecordBody): FeedRecord {
    const life = this.#lives.get(producer) ?? { epoch: 1, incarnation: 1n, sequence: 0 }
    this.#lives.set(producer, life)
    const record = {
      cluster: 'c',
      producer,
      epoch: life.epoch,
      incarnation: life.incarnation,
      sequence: ++life.sequence,
      body,
    }
    this.records.push(record)
    return record
  }
}

const hash = (name: string): Hex & BlockHash =>
  `0x${Buffer.from(name).toString('hex').padEnd(64, '0')}` as Hex & BlockHash
const ref = (name: string): BlockRef => ({ number: Number.parseInt(name, 10), hash: hash(name) })
const nameOf = ({ hash: text }: { hash: string }): string =>
  Buffer.from(text.slice(2), 'hex').toString().replaceAll('\0', '')

function print(effect: FeedEffect): string {
  const names = (blocks: readonly BlockRef[]): string => blocks.map(nameOf).join(' ') || '–'
  switch (effect.kind) {
    case 'adopted':
      return `adopted ${effect.cluster}`
    case 'partKept':
      return `part kept of ${effect.producer}`
    case 'partsDropped':
      return `parts dropped of ${effect.producer}`
    case 'frameWhole':
      return `whole ${nameOf(effect.frame.block)} by ${effect.frame.producer}`
    case 'headMoved':
      return `head ${nameOf(effect.from)} → ${nameOf(effect.to)} by ${effect.by}  undo ${names(effect.undo)}  apply ${names(effect.apply)}`
    case 'marksMoved':
      return `safe ${nameOf(effect.safe)} finalized ${nameOf(effect.finalized)}`
    case 'sideDropped':
      return `side dropped ${names(effect.blocks)}`
    case 'alarm':
      return `ALARM ${effect.alarm.code} ${effect.alarm.producer}`
  }
}

/** Runs commands; each line of output begins with the command that caused it. */
function converse(
  commands: readonly string[],
  machine: FeedMachine = createFeedMachine(),
): { output: string[]; history: History; machine: FeedMachine } {
  const history = new History()
  const output: string[] = []
  for (const command of commands) {
    const record = history.command(command)
    if (record === undefined) continue
    try {
      for (const effect of machine.step(history.records.length - 1, record)) {
        const text = print(effect)
        if (!text.startsWith('part kept')) output.push(`${command}: ${text}`)
      }
    } catch (thrown) {
      output.push(`${command}: REFUSED ${(thrown as Fault).code}`)
    }
  }
  const heads = machine.heads()
  if (heads)
    output.push(
      `now head ${nameOf(heads.head)} safe ${nameOf(heads.safe)} finalized ${nameOf(heads.finalized)} leader ${machine.leader() ?? 'none'}`,
    )
  return { output, history, machine }
}

for (const file of globSync(`${import.meta.dirname}/testdata/*.txt`)) {
  const [title = '', ...rest] = readFileSync(file, 'utf8').split('\n')
  test(`${basename(file, '.txt')}: ${title.replace(/^# /, '')}`, () => {
    const text = rest.join('\n')
    const [input = '', expected = ''] = text.split('\n----\n')
    const commands = input.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const output = converse(commands).output.join('\n')
    if (process.env['UPDATE'] === '1') writeFileSync(file, `${title}\n${input}\n----\n${output}\n`)
    else assert.equal(output, expected.trimEnd())
    sameFromEverywhere(commands)
  })
}

/** The head's chain as a store would hand it in. */
function follow(canonical: BlockRef[], effects: readonly FeedEffect[]): void {
  for (const effect of effects) {
    if (effect.kind !== 'headMoved') continue
    canonical.splice(canonical.length - effect.undo.length)
    canonical.push(...effect.apply)
    assert.deepEqual(canonical.at(-1), effect.to)
  }
}

/** Restored at any position, a machine does with the rest what the one that saw everything does. */
function sameFromEverywhere(commands: readonly string[]): void {
  const { history } = converse(commands)
  const machine = createFeedMachine()
  const canonical: BlockRef[] = [ref('0')]
  const seen: FeedEffect[][] = []
  const states: { bytes: Uint8Array; canonical: BlockRef[] }[] = []
  for (const [position, record] of history.records.entries()) {
    try {
      const effects = machine.step(position, record)
      follow(canonical, effects)
      seen.push(effects)
    } catch {
      return // a refused record ends a feed
    }
    states.push({ bytes: machine.encode(), canonical: [...canonical] })
  }
  for (const [at, { bytes, canonical: chain }] of states.entries()) {
    const restored = restoreFeedMachine(bytes, chain)
    for (let position = at + 1; position < history.records.length; position++) {
      assert.deepEqual(
        restored.step(position, history.records[position] as FeedRecord),
        seen[position],
        `restored at ${at}, record ${position}`,
      )
    }
    assert.deepEqual(restored.encode(), states.at(-1)?.bytes)
  }
}

/** A tree of blocks over which producers race, lie about heads, restart and die in mid-frame. */
const producers = ['m1', 'm2', 'm3'] as const
const branches = ['', 'b', 'c'] as const
const block = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.constantFrom(...branches))
  .map(([number, branch]) => `${number}${branch}`)
const parentOf = (name: string, trunk: boolean): string => {
  const number = Number.parseInt(name, 10) - 1
  return number === 0 || trunk ? `${number}` : `${number}${name.replace(/^\d+/, '')}`
}
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(...producers), block, fc.boolean())
      .map(
        ([p, name, trunk]) =>
          `frame ${p} ${name} ${parentOf(name, trunk && Number.parseInt(name, 10) % 3 === 1)}`,
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...producers), block, fc.integer({ min: 1, max: 2 }))
      .map(([p, name, part]) => `frame ${p} ${name} ${parentOf(name, false)} ${part}/2`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...producers), block, fc.option(block), fc.option(block))
      .map(
        ([p, name, safe, final]) =>
          `head ${p} ${name}${safe ? ` safe=${safe}` : ''}${final ? ` final=${final}` : ''}`,
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...producers), fc.constantFrom('serving', 'syncing'))
      .map(([p, phase]) => `beat ${p} ${phase}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...producers), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }))
      .map(([p, epoch, life]) => `life ${p} ${epoch} ${life}`),
  },
)

test('any history is judged the same from every position, finality never steps back, and the head is always whole above it', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const all = ['generation m1', ...commands]
      sameFromEverywhere(all)
      const { history } = converse(all)
      const machine = createFeedMachine()
      const canonical: BlockRef[] = [ref('0')]
      const whole = new Set<string>([hash('0')])
      let finalized = 0
      for (const [position, record] of history.records.entries()) {
        const effects = machine.step(position, record)
        for (const effect of effects) if (effect.kind === 'frameWhole') whole.add(effect.frame.block.hash)
        for (const effect of effects)
          if (effect.kind === 'headMoved')
            for (const applied of effect.apply)
              assert.ok(whole.has(applied.hash), 'only whole frames are applied')
        follow(canonical, effects)
        const heads = machine.heads()
        assert.ok(heads !== undefined && heads.finalized.number >= finalized, 'finalized never steps back')
        finalized = heads.finalized.number
        assert.equal(canonical[finalized]?.hash, heads.finalized.hash, 'finalized is on the chain')
        assert.equal(canonical[heads.safe.number]?.hash, heads.safe.hash, 'safe is on the chain')
        assert.ok(heads.safe.number >= finalized && heads.head.number >= heads.safe.number)
      }
    }),
    { numRuns: 300 },
  )
})
