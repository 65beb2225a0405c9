/** Random histories of a feed with two masters, and what is left of them in a store. */
import fc from 'fast-check'
import { type Frame, refOf } from '#chain/block/frame.ts'
import type { KeyValue } from '#ports/storage/key-value.ts'
import type { RecordBody } from '#protocol/feed/frames/records.ts'
import { dumpTables } from '#state/testing/dump.ts'
import { beatAt, Feed, headAt, partsOf } from './feed.ts'

/** A step of a history: the leader goes back `depth` blocks and forward one more. */
export interface Step {
  readonly depth: number
  readonly parts: number
  /** A second master brings a sibling in two halves around the leader's word; the leader may go over to it, at once or with its next block. */
  readonly sibling: 'none' | 'beside' | 'followed' | 'followed later'
}

/** Tells the feed what happens. */
export async function tell(feed: Feed, plan: readonly Step[]): Promise<void> {
  await feed.begin()
  const chain: Frame[] = []
  for (const [step, { depth, parts, sibling }] of plan.entries()) {
    const back = Math.min(depth, chain.length)
    chain.splice(chain.length - back)
    for (let i = 0; i <= back; i++) {
      chain.push(feed.block(chain.at(-1), `s${step}`, step * 3 + i))
      await feed.say('m1', ...partsOf(chain.at(-1) as Frame, parts))
    }
    const other = feed.block(chain.at(-2), `sibling${step}`, step)
    const [half, rest] = partsOf(other, 2) as [RecordBody, RecordBody]
    if (sibling !== 'none') await feed.say('m2', half, beatAt(refOf(other.block.header)))
    await feed.say('m1', headAt(chain.at(-1) as Frame, chain.at(-7)))
    if (sibling === 'none') continue
    await feed.say('m2', rest, headAt(other), ...partsOf(chain.at(-1) as Frame, 2))
    if (sibling === 'beside') continue
    chain.splice(-1, 1, other)
    if (sibling === 'followed') await feed.say('m1', headAt(other))
  }
}
/** Histories of 3 to `maxLength` steps. */
export const plansOf = (maxLength: number) =>
  fc.array(
    fc.record<Step>({
      depth: fc.constantFrom(0, 0, 0, 1, 2, 4),
      parts: fc.constantFrom(1, 1, 2, 3),
      sibling: fc.constantFrom('none', 'beside', 'followed', 'followed later'),
    }),
    { minLength: 3, maxLength },
  )

/** All rows; the commit counter alone may differ, and where undone blocks left code. */
export function allRows(kv: KeyValue) {
  const { meta, code: _code, ...rest } = dumpTables(kv)
  const status = '0x737461747573 0x' // "status", then the counter
  return { ...rest, meta: meta.map((row) => (row.startsWith(status) ? row.slice(status.length + 16) : row)) }
}
