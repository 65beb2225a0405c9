/** `drover feed verify` checks a feed from its first record to its last; `drover feed copy` puts one onto another, embedded or Kafka. */
import { describeBlock } from '#chain/block/block-ref.ts'
import { installCommittedCore } from '#cli/process/core.ts'
import { chainIn, feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { concatBytes, equalBytes } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import type { OptionTable } from '#ports/options.ts'
import type { LogRecord, RecordLog } from '#ports/record-log/record-log.ts'
import { createFeedMachine } from '#protocol/feed/machine.ts'
import type { FeedRecord } from '#protocol/feed/frames/records.ts'
import { checkFrame } from '#wire/frame-check.ts'
import { decodeRecord } from '#wire/record.ts'
import { defineCommand } from '#cli/command/command.ts'
import { FEED_FORMS, feedAddress, feedChainId, oneFeedOptions } from './address.ts'
import { readAll } from './read-all.ts'

const copyOptions = {
  from: { ...feedAddress, flag: 'from', help: `the feed that is there: ${FEED_FORMS}` },
  to: {
    ...feedAddress,
    flag: 'to',
    help: 'the feed that is empty, or holds the beginning of the other: the same forms',
  },
  chainId: feedChainId,
  follow: { flag: 'follow', type: 'switch', help: 'go on with what comes, until stopped: a mirror' },
} as const satisfies OptionTable

export const feedVerifyCommand = defineCommand({
  name: 'feed verify',
  summary: 'checks every record of a feed, and every frame against its header',
  text: `
Every frame that counts is put together, its digests, roots and delta are computed again. Stops at the first record that does not hold.
  drover feed verify --feed 127.0.0.1:8650`,
  options: { ...oneFeedOptions, ...kafkaOptions },
  async run({ values }) {
    installCommittedCore()
    const open = feedOpener(values.feed, values, { chainId: chainIn(values), mayCreate: false })
    const log = await open()
    const check = createCheck()
    const { first: oldest } = await log.bounds()
    if (oldest > 0)
      throw new Fault(
        'feed/too-old',
        `the feed begins at position ${oldest}: what counts on it follows from its first record, which was dropped. drover feed show tells what is there`,
        { first: oldest },
      )
    const { first, next } = await readAll(log, 'records', check.take)
    await log.close()
    process.stdout.write(
      `records ${first} to ${next - 1} hold: ${check.frames()} frames, head ${check.head()}\n`,
    )
  },
})

export const feedCopyCommand = defineCommand({
  name: 'feed copy',
  summary: 'puts one feed onto another, or mirrors it',
  text: `
From an embedded feed to Kafka or back: records, positions and all. A copy that was stopped goes on where it was. Nobody else may write the target.
  drover feed copy --from 127.0.0.1:8650 --to kafka://127.0.0.1:9092/mainnet --chain-id 1`,
  options: { ...copyOptions, ...kafkaOptions },
  async run({ values }) {
    const [from, to] = await Promise.all([
      feedOpener(values.from, values, {
        chainId: chainIn({ feed: values.from, chainId: values.chainId }),
        mayCreate: false,
      })(),
      feedOpener(values.to, values, {
        chainId: chainIn({ feed: values.to, chainId: values.chainId }),
        mayCreate: true,
      })(),
    ])
    const start = await whereToGoOn(from, to)
    const put = async (records: readonly LogRecord[]): Promise<void> => {
      const positions = await to.append(records.map(({ bytes }) => bytes))
      if (positions[0] !== records[0]?.position)
        throw new Fault(
          'feed/copy',
          `somebody else writes the target: record ${records[0]?.position} is at ${positions[0]}`,
        )
    }
    const { next } = await readAll(from, 'records copied', put, start)
    process.stdout.write(`${next - start} records are copied, up to position ${next - 1}\n`)
    if (values.follow)
      for await (const records of from.tail(next, new AbortController().signal)) await put(records)
    await Promise.all([from.close(), to.close()])
  },
})

/** One past what both hold. @throws Fault feed/copy where the target holds something else */
async function whereToGoOn(from: RecordLog, to: RecordLog): Promise<number> {
  const [there, copied] = await Promise.all([from.bounds(), to.bounds()])
  if (there.first !== 0 || copied.first !== 0)
    throw new Fault(
      'feed/copy',
      'a feed whose beginning was dropped cannot be copied: positions would differ',
    )
  const last = copied.next - 1
  if (last < 0) return 0
  const [ours] = await to.read(last, { maxBytes: 1 })
  const [theirs] = await from.read(last, { maxBytes: 1 })
  if (ours === undefined || theirs === undefined || !equalBytes(ours.bytes, theirs.bytes))
    throw new Fault(
      'feed/copy',
      `the target holds another feed: record ${last} differs. Copy to an empty one`,
    )
  return copied.next
}

function createCheck() {
  const machine = createFeedMachine()
  const compress = createZstd()
  const parts = new Map<string, Uint8Array[]>()
  let frames = 0
  const step = (position: number, record: FeedRecord): void => {
    const { body, producer } = record
    for (const effect of machine.step(position, record)) {
      if (effect.kind === 'partsDropped') parts.delete(effect.producer)
      else if (effect.kind === 'partKept' && body.kind === 'framePart')
        parts.set(producer, [...(effect.index === 0 ? [] : (parts.get(producer) ?? [])), body.bytes])
      else if (effect.kind === 'alarm')
        process.stderr.write(`record ${position}: ${JSON.stringify(effect.alarm)}\n`)
      else if (effect.kind === 'frameWhole') {
        const verdict = checkFrame(
          concatBytes(...(parts.get(producer) ?? [])),
          effect.frame,
          'strict',
          compress,
        )
        if (verdict.kind === 'bad')
          throw new Error(`frame ${describeBlock(effect.frame.block)}: ${verdict.why}`)
        frames++
      }
    }
  }
  return {
    take(records: readonly LogRecord[]): void {
      for (const { position, bytes } of records) {
        try {
          step(position, decodeRecord(bytes))
        } catch (thrown) {
          throw new Fault(
            'feed/damaged',
            `record ${position} does not hold: ${messageOf(thrown)}`,
            { position },
            { cause: thrown },
          )
        }
      }
    },
    frames: () => frames,
    head(): string {
      const heads = machine.heads()
      return heads === undefined ? 'none' : describeBlock(heads.head)
    },
  }
}
