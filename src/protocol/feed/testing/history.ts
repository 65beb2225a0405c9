/**
 * Histories of a feed as text, for tests. A block is its number and the name of its branch, `5b`; on the trunk it is `5`. Each command is
 * one record (`chain` several):
 *   generation P [agree=N] · frame P BLOCK PARENT [PART/OF] [delta=D] · chain P FROM TO · head P BLOCK [safe=B] [final=B] [checked=B:D] ·
 *   beat P [PHASE] [client=C] · lease P ID [client=C] · release P ID · foreign P · life P EPOCH [INCARNATION], which only says who P is from here on
 */
import type { BlockHash, BlockRef } from '#chain/block/block-ref.ts'
import { assert } from '#kernel/assert.ts'
import { fromHex, fromUtf8, toHex, utf8 } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { FeedEffect } from '#protocol/feed/effects.ts'
import { createFeedMachine, type FeedMachine } from '#protocol/feed/machine.ts'
import type { FeedRecord, FramePart, Phase, RecordBody } from '#protocol/feed/frames/records.ts'

interface Life {
  readonly epoch: number
  readonly incarnation: bigint
  sequence: number
}

export class History {
  readonly records: FeedRecord[] = []
  readonly #lives = new Map<string, Life>()

  /** Appends what the command says; returns the new records. */
  command(line: string): readonly FeedRecord[] {
    const [verb = '', producer = 'm1', ...words] = line.split(/\s+/)
    const before = this.records.length
    if (verb === 'life') {
      const [epoch, incarnation] = words
      this.#lives.set(producer, {
        epoch: Number(epoch),
        incarnation: BigInt(incarnation ?? epoch ?? 1),
        sequence: 0,
      })
    } else if (verb === 'chain') {
      for (let number = Number(words[0]); number <= Number(words[1]); number++)
        this.#append(producer, frameOf([`${number}`, `${number - 1}`], producer))
    } else if (verb === 'foreign') {
      this.#append(producer, beatOf([]), 'another')
    } else {
      const body = BODIES[verb]
      assert(body !== undefined, `there is a command ${line}`)
      this.#append(producer, body(words, producer))
    }
    return this.records.slice(before)
  }

  #append(producer: string, body: RecordBody, cluster = 'c'): void {
    const life = this.#lives.get(producer) ?? { epoch: 1, incarnation: 1n, sequence: 0 }
    this.#lives.set(producer, life)
    life.sequence++
    this.records.push({ cluster, producer, ...life, body })
  }
}

const BODIES: Record<string, (words: readonly string[], producer: string) => RecordBody> = {
  generation: (words) => ({
    kind: 'generation',
    chainId: 1n,
    genesisHash: hashOf('0'),
    generation: 1,
    base: refNamed('0'),
    baseHeader: new Uint8Array(),
    baseStateRoot: hashOf('0'),
    settings: { agree: Number(option(words, 'agree') ?? 1) },
  }),
  frame: frameOf,
  head(words) {
    const [safe, finalized, checked] = ['safe', 'final', 'checked'].map((name) => option(words, name))
    const [block = '', delta = ''] = checked?.split(':') ?? []
    return {
      kind: 'headEvent',
      head: refNamed(words[0] ?? ''),
      ...(safe !== undefined && { safe: refNamed(safe) }),
      ...(finalized !== undefined && { finalized: refNamed(finalized) }),
      checked: checked ? [{ block: refNamed(block), deltaHash: hashOf(delta), level: 'root' }] : [],
    }
  },
  beat: beatOf,
  lease: ([id = '', ...words]) => ({
    ...{ kind: 'maintenanceLease', lease: BigInt(id), client: option(words, 'client') ?? 'c' },
    ...{ reason: 'compaction', others: 1, alarmAfterMs: 60_000, override: false },
  }),
  release: ([id = '']) => ({ kind: 'maintenanceRelease', lease: BigInt(id) }),
}

function frameOf(words: readonly string[], producer: string): FramePart {
  const [block = '', parent = '', ...more] = words
  const [index = 1, count = 1] = (more.find((word) => word.includes('/')) ?? '1/1').split('/').map(Number)
  const delta = option(more, 'delta') ?? 'd'
  return {
    kind: 'framePart',
    block: refNamed(block),
    parent: hashOf(parent),
    frameDigest: hashOf(`${block}${producer}${delta}`),
    deltaHash: hashOf(delta),
    level: 'receipts',
    index: index - 1,
    count,
    bytes: new Uint8Array(),
  }
}

function beatOf(words: readonly string[]): RecordBody {
  const client = { id: option(words, 'client') ?? 'c', version: 'v' }
  return { kind: 'beat', phase: (words[0] ?? 'serving') as Phase, head: refNamed('0'), client }
}

export function option(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** A name as a hash from which it can be read again. */
export function hashOf(name: string): BlockHash {
  return toHex(utf8(name)).padEnd(66, '0') as BlockHash
}

export function refNamed(name: string): BlockRef {
  return { number: Number.parseInt(name, 10), hash: hashOf(name) }
}

export function nameOf({ hash }: { readonly hash: BlockHash }): string {
  return fromUtf8(fromHex(hash)).replaceAll('\0', '')
}

/** Runs commands; each line of output begins with the command that caused it. */
export function converse(commands: readonly string[], machine: FeedMachine = createFeedMachine()): string {
  const history = new History()
  const output: string[] = []
  for (const command of commands) {
    for (const record of history.command(command)) {
      try {
        const effects = machine.step(history.records.indexOf(record), record)
        for (const effect of effects)
          if (effect.kind !== 'partKept' && !command.startsWith('chain'))
            output.push(`${command}: ${print(effect)}`)
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown
        output.push(`${command}: REFUSED ${thrown.code}`)
      }
    }
  }
  const heads = machine.heads()
  if (heads !== undefined) {
    const [head, safe, finalized] = [heads.head, heads.safe, heads.finalized].map(nameOf)
    const leader = machine.leader() ?? 'none'
    output.push(`now head ${head} safe ${safe} finalized ${finalized} leader ${leader}`)
  }
  return output.join('\n')
}

function print(effect: FeedEffect): string {
  switch (effect.kind) {
    case 'adopted':
      return `adopted ${effect.cluster}`
    case 'partKept':
      return `part kept of ${effect.producer}`
    case 'partsDropped':
      return `parts dropped of ${effect.producer}`
    case 'frameWhole':
      return `whole ${nameOf(effect.frame.block)} by ${effect.frame.producer}`
    case 'headMoved': {
      const { from, to, by, undo, apply } = effect
      return `head ${nameOf(from)} → ${nameOf(to)} by ${by}  undo ${names(undo)}  apply ${names(apply)}`
    }
    case 'marksMoved':
      return `safe ${nameOf(effect.safe)} finalized ${nameOf(effect.finalized)}`
    case 'sideDropped':
      return `side dropped ${names(effect.blocks)}`
    case 'alarm':
      return `ALARM ${effect.alarm.code} ${effect.alarm.producer}`
  }
}

function names(blocks: readonly BlockRef[]): string {
  const all = blocks.map(nameOf)
  if (all.length === 0) return '–'
  return all.length <= 8 ? all.join(' ') : `${all[0]} … ${all.at(-1)}`
}
