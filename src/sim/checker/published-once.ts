/**
 * Every frame travels once (architecture §4, "Publishing once"), as far as that can be promised: no master says a frame that stood whole on
 * the feed, with the same delta, among what it knew. It knows what it has read; and whoever has opened a feed, or stood still for long,
 * looks before it speaks, so it knows what could be read at that moment, too. Two that have not read each other yet may both say one.
 */
import { decodeRecord } from '#wire/record.ts'
import type { Checker, CheckerParts } from './checker.ts'

export function createPublishedOnceChecker({ world, cluster }: CheckerParts): Checker {
  return {
    ended(decisions) {
      for (const { master, records, knownNext } of cluster.watch.said()) {
        for (const bytes of records) {
          const { body } = decodeRecord(bytes)
          if (body.kind !== 'framePart' || body.index > 0) continue
          const at = decisions.wholeAt(body.block.hash, body.deltaHash)
          if (at === undefined || at >= knownNext) continue
          const block = `block ${body.block.number}`
          world.violate(
            'P5',
            `${master} knew the feed below ${knownNext} and said ${block} again, which stands at ${at}`,
          )
        }
      }
    },
  }
}
