/** `drover feed serve` hosts the embedded feed; `drover feed inspect` shows what is on one. */
import { describeBlock } from '#chain/block/block-ref.ts'
import { chainIn, feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { httpOptions, httpServerFor } from '#cli/process/http.ts'
import { loggerFor, logOptions } from '#cli/process/logging.ts'
import { runService } from '#cli/process/service.ts'
import { messageOf } from '#kernel/fault.ts'
import { createClock } from '#platform/clock/clock.ts'
import { checksum } from '#platform/checksum/crc32c.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { lockFolder } from '#platform/disk/folder-lock.ts'
import { httpLimits } from '#platform/http/limits.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createRandom } from '#platform/random/random.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import type { OptionTable } from '#ports/options.ts'
import type { LogRecord } from '#ports/record-log/record-log.ts'
import { leaseText, type RecordBody } from '#protocol/feed/frames/records.ts'
import { startFeedHost } from '#roles/feedhost/host.ts'
import { feedHostLimits } from '#roles/feedhost/limits.ts'
import { feedHostOptions } from '#roles/feedhost/options.ts'
import { createFeedHostPages } from '#roles/feedhost/pages.ts'
import { checkRetention, keepRetention } from '#roles/feedhost/retention.ts'
import { openSegmentedLog } from '#roles/feedhost/segmented-log.ts'
import { decodeRecord } from '#wire/record.ts'
import { defineCommand } from '#cli/command/command.ts'
import { oneFeedOptions } from './address.ts'

export const feedServeCommand = defineCommand({
  name: 'feed serve',
  summary: 'hosts the embedded feed',
  text: `
The only process that writes the log; masters and replicas append and read through it.
  drover feed serve --data ./feed --listen 127.0.0.1:8650`,
  options: { ...feedHostOptions, ...httpOptions, ...logOptions },
  limits: { ...httpLimits, ...feedHostLimits },
  async run({ values }) {
    const log = loggerFor('feed host', values)
    checkRetention(values)
    await runService('feed host', log, async (scope) => {
      const disk = createDisk(values.dataPath)
      scope.defer(lockFolder(values.dataPath, { code: 'feed/held', what: 'feed' }))
      const clock = createClock()
      const meter = createMeterRegistry()
      const segments = await openSegmentedLog(values, {
        disk,
        random: createRandom(),
        checksum,
        clock,
        log,
      })
      scope.defer(() => segments.close())
      const host = await startFeedHost(values.listen, {
        log: segments,
        transport: createTransport(),
        logger: log,
        meter,
      })
      scope.defer(() => host.close())
      scope.spawn('retention', (signal) =>
        keepRetention(values, { log: segments, clock, logger: log, meter }, signal),
      )
      const { first, next } = segments.bounds()
      log.info('hosting the feed', { address: host.address, first, next })
      if (values.metricsPort === undefined) return { address: host.address }
      const pages = await httpServerFor(values).listen(
        { host: values.metricsHost, port: values.metricsPort, bodyBytesMax: 0 },
        createFeedHostPages(segments, meter),
      )
      scope.defer(() => pages.close({ graceMs: 0 }))
      const metrics = `http://${pages.host}:${pages.port}`
      log.info('metrics are served', { metrics })
      return { address: host.address, metrics }
    })
  },
})

const inspectOptions = {
  ...oneFeedOptions,
  from: {
    flag: 'from',
    type: 'integer',
    value: 'POSITION',
    help: 'first position to show (else the last --limit records)',
  },
  limit: { flag: 'limit', type: 'integer', default: '50', min: 1, max: 100_000, help: 'how many records' },
  follow: { flag: 'follow', type: 'switch', help: 'go on with what comes' },
} as const satisfies OptionTable

const READ_BYTES = 1_000_000

export const feedInspectCommand = defineCommand({
  name: 'feed inspect',
  summary: 'shows the records of a feed',
  text: `
One line a record: position, producer, what it says.
  drover feed inspect --feed 127.0.0.1:8650 --limit 20 --follow`,
  options: { ...inspectOptions, ...kafkaOptions },
  async run({ values }) {
    const log = await feedOpener(values.feed, values, { chainId: chainIn(values), mayCreate: false })()
    const { first, next } = await log.bounds()
    let at = Math.max(first, values.from ?? next - values.limit)
    let left = values.limit
    process.stdout.write(`feed ${await log.identity()}: positions ${first} to ${next - 1}\n`)
    while (left > 0 && at < next) {
      const records = (await log.read(at, { maxBytes: READ_BYTES })).slice(0, left)
      for (const record of records) process.stdout.write(`${describeRecord(record)}\n`)
      at += records.length
      left -= records.length
    }
    if (!values.follow) return
    for await (const records of log.tail(at, new AbortController().signal)) {
      for (const record of records) process.stdout.write(`${describeRecord(record)}\n`)
    }
  },
})

export function describeRecord({ position, bytes }: LogRecord): string {
  try {
    const { producer, epoch, body } = decodeRecord(bytes)
    return `${String(position).padStart(8)}  ${producer}/${epoch}  ${describeBody(body)}`
  } catch (thrown) {
    return `${String(position).padStart(8)}  ${messageOf(thrown)}`
  }
}

function describeBody(body: RecordBody): string {
  switch (body.kind) {
    case 'generation':
      return `generation ${body.generation} of chain ${body.chainId}, base ${describeBlock(body.base)}, state root ${body.baseStateRoot}`
    case 'framePart':
      return `frame ${describeBlock(body.block)} part ${body.index + 1}/${body.count}, ${body.bytes.length} bytes, ${body.level}, delta ${body.deltaHash.slice(0, 10)}…`
    case 'headEvent': {
      const marks = [
        body.safe && `safe ${body.safe.number}`,
        body.finalized && `finalized ${body.finalized.number}`,
      ].filter(Boolean)
      return `head ${describeBlock(body.head)}${marks.length > 0 ? `, ${marks.join(', ')}` : ''}`
    }
    case 'beat':
      return `beat ${body.phase}, client at ${body.head.number} (${body.client.version})`
    case 'maintenanceLease':
      return `asks for maintenance ${leaseText(body.lease)} of client ${body.client}: ${body.reason}${body.override ? ' (override)' : ''}`
    case 'maintenanceRelease':
      return `ends maintenance ${leaseText(body.lease)}`
  }
}
