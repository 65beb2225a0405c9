/**
 * What a master has read of the feed, kept in its folder now and then: its next life takes it up and reads on from there, so that a start
 * costs what came since, and a feed whose beginning retention has dropped can still be joined. It is believed only where it is whole, of this
 * feed, and where the last record that it had read is still that record; else the feed is read from its first one. A file is replaced whole
 * or not at all, and one that is old is no less true, so a crash at any moment does no harm.
 */
import { keccak256 } from '#core/keccak.ts'
import { fromUtf8, type Hex, toHex, utf8 } from '#kernel/bytes.ts'
import { messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'
import type { Disk } from '#ports/storage/disk.ts'
import { masterLimits } from '#roles/master/limits.ts'
import type { MasterMetrics } from '#roles/master/metrics.ts'
import type { WhereFrom } from './feed-link.ts'
import type { ReadBack, ReadBackState } from './read-back.ts'

const FILE = 'feed-checkpoint'
const VERSION = 1
const EVERY_MS = masterLimits.checkpointEveryMs.value

export interface Checkpoint {
  /** Of the feed. */
  readonly identity: string
  /** The last record that was read. */
  readonly position: number
  readonly digest: Hex
  readonly state: ReadBackState
}

/** Two lines: the digest of the second, and JSON. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const body = JSON.stringify({ version: VERSION, ...checkpoint }, (_, value: unknown) =>
    typeof value === 'bigint' ? { bigint: String(value) } : value,
  )
  return utf8(`${digestOf(utf8(body))}\n${body}`)
}

/** Undefined where the bytes are no checkpoint, or that of another release. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  const text = fromUtf8(bytes)
  const body = text.slice(text.indexOf('\n') + 1)
  if (text !== `${digestOf(utf8(body))}\n${body}`) return undefined
  const { version, ...checkpoint } = JSON.parse(body, (_, value: { readonly bigint?: unknown } | null) =>
    typeof value?.bigint === 'string' ? BigInt(value.bigint) : value,
  ) as Checkpoint & { version: number }
  return version === VERSION ? checkpoint : undefined
}

interface Parts {
  /** The master's own. */
  readonly folder: Disk
  readonly readBack: ReadBack
  readonly log: Logger
}

/** Takes up the checkpoint that the folder has where the log is the one that it was made of. */
export function resume({ folder, readBack, log }: Parts): WhereFrom {
  return async (feed: RecordLog, identity: string) => {
    const bytes = await folder.readAll(FILE)
    if (bytes === undefined) return 0
    const found = decodeCheckpoint(bytes)
    const why =
      found === undefined ? 'it is damaged, or of another release' : await whyNot(found, feed, identity)
    if (found === undefined || why !== undefined) {
      log.warn('what was kept of the feed is not used: it is read from its first record', { why })
      return 0
    }
    readBack.restore(found.state)
    log.info('reads the feed on from where an earlier life kept it', { position: found.position + 1 })
    return found.position + 1
  }
}

async function whyNot(
  { identity, position, digest }: Checkpoint,
  feed: RecordLog,
  found: string,
): Promise<string | undefined> {
  if (identity !== found) return 'it is of another feed'
  const { first } = await feed.bounds()
  if (position < first) return undefined // dropped since; whether the next one is still there is seen when it is read
  const [record] = await feed.read(position, { maxBytes: 1 })
  return record !== undefined && digestOf(record.bytes) === digest
    ? undefined
    : 'the feed has another record in the place of the last one'
}

/** Keeps one at once, and then every so often, until the signal is aborted. A disk that refuses is tried again the next time. */
export async function keepCheckpoints(
  identity: string,
  {
    folder,
    readBack,
    log,
    clock,
    metrics,
  }: Parts & { readonly clock: Clock; readonly metrics: MasterMetrics },
  signal: AbortSignal,
): Promise<void> {
  for (let kept: number | undefined; !signal.aborted; await clock.sleep(EVERY_MS, signal)) {
    const [last, state] = [readBack.last(), readBack.state()]
    if (last === undefined || state === undefined || last.position === kept) continue
    try {
      const { position, bytes } = last
      await folder.replace(FILE, encodeCheckpoint({ identity, position, digest: digestOf(bytes), state }))
      kept = position
      metrics.checkpoint.set(position)
    } catch (thrown) {
      log.warn('what was read of the feed could not be kept: it is tried again', {
        reason: messageOf(thrown),
      })
    }
  }
}

function digestOf(bytes: Uint8Array): Hex {
  return toHex(keccak256(bytes))
}
