/** Entry of the thread that reads the feed ahead of a replica's applier. */
import { type MessagePort, workerData } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { feedOpener, type KafkaSettings } from '#cli/process/feed.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { readAhead, type ReaderNews, type ReaderOrder } from '#roles/replica/read-ahead/reader.ts'
import type { Stretch } from '#roles/replica/read-ahead/ready-frame.ts'
import { runThread } from './entry.ts'

export interface ReaderThreadData {
  readonly options: KafkaSettings & { readonly feed: string }
  readonly chainId: bigint
  readonly stretch: Stretch
  readonly box: MessagePort
}

const { options, chainId, stretch, box } = workerData as ReaderThreadData

await runThread('reader', async ({ scope }) => {
  installCommittedCore()
  scope.defer(() => box.close())
  scope.spawn('read ahead', async (signal) => {
    const feed = await feedOpener(options.feed, options, { chainId, mayCreate: false })()
    try {
      const mailbox = createMailbox<ReaderNews, ReaderOrder>(box)
      await readAhead(stretch, { feed, compress: createZstd(), box: mailbox }, signal)
    } finally {
      await feed.close()
    }
  })
})
