/** Starts the threads that read the feed ahead of an applier which is far behind: they live as long as that takes. */
import { MessageChannel } from 'node:worker_threads'
import type { ReaderThreadData } from '#cli/thread/reader.ts'
import { messageOf } from '#kernel/fault.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { inTurn, type ReaderNews, type ReaderOrder, readerAt } from '#roles/replica/read-ahead/reader.ts'
import type { Reader, StartReader } from '#roles/replica/read-ahead/ready-frame.ts'
import { type RestartParts, restarted } from '#roles/replica/read-ahead/restarted.ts'
import { openThread } from './worker.ts'

/** While they work the applier has a quarter of a core's work; while it writes state they fill what may wait. */
const READERS_MAX = 2
/** May wait for each; where it is less one is enough, and its heap is as much. */
const READER_BYTES_MIN = 24_000_000
/** Arrays that a thread has handed on or used up are given back when its young objects are collected: often, or they are 100 MB more. */
const YOUNG_MB_MAX = 8
/** One's turn: a few MB of a busy chain. */
const RUN_RECORDS = 128

export function readerStarter(
  options: ReaderThreadData['options'],
  chainId: bigint,
  parts: Omit<RestartParts, 'why'>,
): StartReader {
  let reason: string | undefined
  const ended = (thrown: unknown): void => void (reason = messageOf(thrown))
  const startAll: StartReader = async (stretch, signal) => {
    const readers = Math.min(READERS_MAX, Math.max(1, Math.floor(stretch.aheadBytesMax / READER_BYTES_MIN)))
    const start = (index: number): Reader => {
      const share = { index, of: readers, runRecords: RUN_RECORDS }
      return startOne({ options, chainId, stretch: { ...stretch, share } }, ended, signal)
    }
    return inTurn(
      Array.from({ length: readers }, (_, index) => start(index)),
      RUN_RECORDS,
    )
  }
  return restarted(startAll, { ...parts, why: () => reason })
}

function startOne(
  data: Omit<ReaderThreadData, 'box'>,
  ended: (thrown: unknown) => void,
  signal: AbortSignal,
): Reader {
  const { port1, port2 } = new MessageChannel()
  const thread = openThread({
    name: 'reader',
    entry: new URL('../../thread/reader.ts', import.meta.url),
    data: { ...data, box: port2 } satisfies ReaderThreadData,
    transfer: [port2],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX },
  })
  void thread.ended.catch(ended)
  const end = async (): Promise<void> => {
    port1.close()
    thread.kill()
    await thread.gone
  }
  // What it had sent before it ended is here by then, or is read again.
  return readerAt(createMailbox<ReaderOrder, ReaderNews>(port1), { ended: thread.gone, end }, signal)
}
