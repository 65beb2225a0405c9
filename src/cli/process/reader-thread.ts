/** Starts the thread that reads the feed ahead of an applier which is far behind: it lives as long as that takes. */
import { MessageChannel } from 'node:worker_threads'
import type { ReaderThreadData } from '#cli/thread/reader.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { type ReaderNews, type ReaderOrder, readerAt } from '#roles/replica/reader.ts'
import type { StartReader } from '#roles/replica/ready-frame.ts'
import { openThread } from './worker.ts'

export function readerStarter(options: ReaderThreadData['options'], chainId: bigint): StartReader {
  return async (stretch, signal) => {
    const { port1, port2 } = new MessageChannel()
    const thread = openThread({
      name: 'reader',
      entry: new URL('../thread/reader.ts', import.meta.url),
      data: { options, chainId, stretch, box: port2 } satisfies ReaderThreadData,
      transfer: [port2],
    })
    const box = createMailbox<ReaderOrder, ReaderNews>(port1)
    const end = async (): Promise<void> => {
      port1.close()
      thread.kill()
      await thread.gone
    }
    // What it had sent before it ended is here by then, or is read again.
    return readerAt(box, { ended: thread.gone, end }, signal)
  }
}
