/** `drover feed show`: what a feed is and holds, in a few lines. */
import { describeBlock } from '#chain/block/block-ref.ts'
import { quantity } from '#cli/options/shown.ts'
import { installCommittedCore } from '#cli/process/core.ts'
import { chainIn, feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { concatBytes } from '#kernel/bytes.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import type { OptionTable } from '#ports/options.ts'
import type { LogRecord, LogSegment } from '#ports/record-log/record-log.ts'
import type { FeedRecord, FramePart, RecordBody } from '#protocol/feed/frames/records.ts'
import { decodeFrame } from '#wire/frame.ts'
import { decodeRecord } from '#wire/record.ts'
import { defineCommand } from '#cli/command/command.ts'
import { oneFeedOptions } from './address.ts'
import { readAll } from './read-all.ts'

const options = {
  ...oneFeedOptions,
  quick: {
    flag: 'quick',
    type: 'switch',
    help: 'read no more than its first record: no kinds and no blocks',
  },
} as const satisfies OptionTable

export const feedShowCommand = defineCommand({
  name: 'feed show',
  summary: 'what a feed holds: its range, size, generation, blocks and kinds of records',
  text: `
Reads the feed once, unless it is told to be quick.
  drover feed show --feed 127.0.0.1:8650`,
  options: { ...options, ...kafkaOptions },
  async run({ values }) {
    installCommittedCore() // digests of the frames whose times are told
    const log = await feedOpener(values.feed, values, { chainId: chainIn(values), mayCreate: false })()
    try {
      const survey = createSurvey()
      const { first, next } = values.quick
        ? await log.bounds()
        : await readAll(log, 'records', (records) => records.forEach(survey.take))
      if (values.quick && first < next) (await log.read(first, { maxBytes: 1 })).forEach(survey.take)
      const segments = await log.segments()
      const facts = { identity: await log.identity(), first, next, segments }
      process.stdout.write(describeFeed(facts, survey, values.quick))
    } finally {
      await log.close()
    }
  },
})

interface BlockTime {
  readonly name: string
  readonly timeMs: number
}

export interface Survey {
  take(record: LogRecord): void
  /** Undefined where the first record is none: it was dropped. */
  generation(): string | undefined
  kinds(): ReadonlyMap<RecordBody['kind'], { readonly records: number; readonly bytes: number }>
  /** The first and the last block that is whole. */
  blocks(): { readonly oldest: BlockTime; readonly newest: BlockTime } | undefined
}

export function createSurvey(): Survey {
  const kinds = new Map<RecordBody['kind'], { records: number; bytes: number }>()
  const parts = new Map<string, FramePart[]>()
  let generation: string | undefined
  let ends: { oldest: readonly FramePart[]; newest: readonly FramePart[] } | undefined
  const keepPart = ({ producer }: FeedRecord, part: FramePart): void => {
    const begun = part.index === 0 ? [] : (parts.get(producer) ?? [])
    const known = [...begun, part]
    parts.set(producer, known)
    // The beginning of one may have been dropped.
    if (known.length !== part.count || part.index !== part.count - 1) return
    ends = { oldest: ends?.oldest ?? known, newest: known }
    parts.delete(producer)
  }
  return {
    take({ bytes }) {
      const record = decodeRecord(bytes)
      const { body, cluster } = record
      const { records = 0, bytes: sum = 0 } = kinds.get(body.kind) ?? {}
      kinds.set(body.kind, { records: records + 1, bytes: sum + bytes.length })
      if (body.kind === 'generation')
        generation ??= `${body.generation} of chain ${body.chainId}, cluster ${cluster}, base ${describeBlock(body.base)}`
      if (body.kind === 'framePart') keepPart(record, body)
    },
    generation: () => generation,
    kinds: () => kinds,
    blocks: () => ends && { oldest: timeOf(ends.oldest), newest: timeOf(ends.newest) },
  }
}

function timeOf(parts: readonly FramePart[]): BlockTime {
  const { block } = decodeFrame(concatBytes(...parts.map(({ bytes }) => bytes)), createZstd())
  return { name: describeBlock((parts[0] as FramePart).block), timeMs: block.header.timestamp * 1_000 }
}

interface FeedFacts {
  readonly identity: string
  readonly first: number
  readonly next: number
  readonly segments: readonly LogSegment[]
}

export function describeFeed(
  { identity, first, next, segments }: FeedFacts,
  survey: Survey,
  quick: boolean,
): string {
  const bytes = segments.reduce((sum, each) => sum + each.bytes, 0)
  const begun = segments.find(({ begunMs }) => begunMs !== undefined)?.begunMs
  const blocks = survey.blocks()
  const line = (name: string, text: string): string => `${name.padEnd(12)}${text}\n`
  return [
    line('feed', identity),
    line(
      'generation',
      survey.generation() ?? (first > 0 ? 'its record was dropped: no new master can begin' : 'none yet'),
    ),
    line('positions', next === first ? `none, ${first} is next` : `${first} to ${next - 1}`),
    line(
      'on disk',
      `${quantity(bytes, 'bytes')}${segments.length > 1 ? ` in ${segments.length} segments` : ''}${begun === undefined ? '' : `, begun ${iso(begun)}`}`,
    ),
    ...(quick || blocks === undefined
      ? []
      : [
          line('oldest', `block ${blocks.oldest.name}, ${iso(blocks.oldest.timeMs)}`),
          line('newest', `block ${blocks.newest.name}, ${iso(blocks.newest.timeMs)}`),
        ]),
    ...(quick
      ? []
      : [...survey.kinds()].map(([kind, sum]) =>
          line(kind, `${sum.records} records, ${quantity(sum.bytes, 'bytes')}`),
        )),
  ].join('')
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
