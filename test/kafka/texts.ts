/** What was written to a feed as texts. */
import { fromUtf8 } from '#kernel/bytes.ts'
import type { RecordLog } from '#ports/record-log/record-log.ts'

const READ_BYTES = 1e9

/** Of every record from the first one to the end as it is now. */
export async function textsOf(log: RecordLog): Promise<string[]> {
  const { next } = await log.bounds()
  const texts: string[] = []
  while (texts.length < next)
    texts.push(
      ...(await log.read(texts.length, { maxBytes: READ_BYTES })).map(({ bytes }) => fromUtf8(bytes)),
    )
  return texts
}
