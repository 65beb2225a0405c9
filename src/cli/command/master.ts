/** `drover master`: one process with a follower (this thread) and an executor thread. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import { installCommittedCore } from '#cli/process/core.ts'
import { readGenesis } from '#cli/process/genesis-path.ts'
import { clusterIn, feedOpener, kafkaOptions } from '#cli/process/feed.ts'
import { httpServerFor, httpOptions } from '#cli/process/http.ts'
import { loggerFor, logOptions } from '#cli/process/logging.ts'
import { runService } from '#cli/process/service.ts'
import { startThread } from '#cli/process/threads/worker.ts'
import { tryFromHex } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createDisk } from '#platform/disk/disk.ts'
import { createHttpClient } from '#platform/http/client.ts'
import { jsonWebToken } from '#platform/http/json-web-token.ts'
import { httpLimits } from '#platform/http/limits.ts'
import { kafkaLimits } from '#platform/kafka/limits.ts'
import { storeLimits } from '#platform/lmdb/limits.ts'
import { createRandom } from '#platform/random/random.ts'
import { createMailbox } from '#platform/thread/mailbox.ts'
import { createWebSocketClient } from '#platform/web-socket/client.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { renderSharedMeters, sharedCells, sharedMetersBytes } from '#ports/meter/shared-meters.ts'
import { createEngineClient, type EngineClient } from '#roles/master/aid/engine-client.ts'
import { createExecutionClient } from '#roles/master/client/client.ts'
import { createFollower } from '#roles/master/follower.ts'
import { createForwardPort } from '#roles/master/client/forward-port.ts'
import { masterLimits } from '#roles/master/limits.ts'
import { type ExecutorReply, type ExecutorRequest, openExecutorDoor } from '#roles/master/execute/messages.ts'
import type { Maintenance } from '#roles/master/maintenance/maintenance.ts'
import { createMasterMetrics } from '#roles/master/metrics.ts'
import { type MasterOptions, masterOptions } from '#roles/master/options.ts'
import { defineCommand } from './command.ts'

const JWT_SECRET_BYTES = 32
const CLOSE_GRACE_MS = 2_000
/** Of the meters that the two threads share. */
const FOLLOWER_REGION = 0
const EXECUTOR_REGION = 1

export const masterCommand = defineCommand({
  name: 'master',
  summary: 'stands beside an execution client and publishes its blocks to the feed',
  text: `
Executes every block of the client's chain, publishes what is proven, and passes on what only the client knows.
  drover master --id m1 --client ws://127.0.0.1:8546 --genesis genesis.json --feed 127.0.0.1:8650 --data ./m1`,
  options: { ...masterOptions, ...kafkaOptions, ...httpOptions, ...logOptions },
  limits: { ...kafkaLimits, ...httpLimits, ...masterLimits, ...storeLimits },
  async run({ values }) {
    const log = loggerFor(values.id, values)
    installCommittedCore()
    const genesis = readGenesis(values.genesisPath)
    const { chainId } = genesis.config
    const openLog = feedOpener(values.feed, values, {
      ...{ chainId, mayCreate: true },
      warn: (message) => log.warn(message),
    })
    await runService('master', log, async (scope) => {
      const clock = createClock()
      const random = createRandom()
      const meters = new SharedArrayBuffer(sharedMetersBytes(2))
      const metrics = createMasterMetrics(createMeterRegistry(sharedCells(meters, FOLLOWER_REGION)))
      const http = createHttpClient()
      scope.defer(() => http.close())
      const client = createExecutionClient(
        {
          url: values.clientUrl,
          timeoutMs: values.clientTimeoutMs,
          ...(values.clientHeadsUrl === undefined ? {} : { headsUrl: values.clientHeadsUrl }),
        },
        { clock, random, http, webSocket: createWebSocketClient(), log },
      )
      let maintenance: Maintenance | undefined
      const forward = createForwardPort(
        { host: values.forwardHost, secret: values.forwardSecret },
        { client, metrics, renderMetrics: () => renderSharedMeters(meters), maintenance: () => maintenance },
      )
      const listener = await httpServerFor(values).listen(
        {
          host: values.forwardHost,
          port: values.forwardPort,
          bodyBytesMax: masterLimits.forwardBodyBytesMax.value,
        },
        forward,
      )
      scope.defer(() => listener.close({ graceMs: CLOSE_GRACE_MS }))

      const channel = new MessageChannel()
      const entry = new URL('../thread/executor.ts', import.meta.url)
      await startThread(scope, {
        name: 'executor',
        entry,
        data: { options: values, follower: channel.port2, meters, region: EXECUTOR_REGION },
        transfer: [channel.port2],
      })
      scope.defer(() => channel.port1.close())
      const follower = createFollower(
        {
          id: values.id,
          cluster: clusterIn(values),
          beatMs: values.beatMs,
          clientId: clientIdIn(values),
          flushEveryMs: values.flushEveryMs,
          ...(values.peerClients && {
            peering: { host: values.peerHost, clientHost: new URL(values.clientUrl).hostname },
          }),
        },
        {
          client,
          engine: engineIn(values, { http, clock }),
          executor: openExecutorDoor(createMailbox<ExecutorRequest, ExecutorReply>(channel.port1)),
          genesis,
          openLog,
          folder: createDisk(values.dataPath),
          clock,
          random,
          log,
          metrics,
        },
      )
      maintenance = follower.maintenance
      scope.spawn('follow the client', (signal) => follower.run(signal))
      const forwardUrl = `http://${listener.host}:${listener.port}`
      log.info('standing beside its client', { client: values.clientUrl, forward: forwardUrl })
      return { forward: forwardUrl }
    })
  },
})

/** @throws Fault master/engine-secret */
function engineIn(
  values: Pick<MasterOptions, 'engineUrl' | 'engineJwtPath' | 'clientTimeoutMs'>,
  parts: Parameters<typeof createEngineClient>[1],
): EngineClient | undefined {
  const { engineUrl: url, engineJwtPath: path, clientTimeoutMs: timeoutMs } = values
  if (url === undefined) return undefined
  const text = path === undefined ? '' : readSecret(path)
  const secret = tryFromHex(text.startsWith('0x') ? text : `0x${text}`)
  if (secret?.length === JWT_SECRET_BYTES) {
    const token = (issuedAtSeconds: number): string => jsonWebToken(secret, issuedAtSeconds)
    return createEngineClient({ url, token, timeoutMs }, parts)
  }
  const what = path === undefined ? 'give --engine-jwt FILE' : `${path} has ${text.length} characters`
  throw new Fault('master/engine-secret', `--engine needs the client's JWT secret, 64 hex digits: ${what}`)
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new Fault('master/engine-secret', `${path} cannot be read: ${messageOf(cause)}`, {}, { cause })
  }
}

/** Beside one client all masters are on one machine, or name it by one address. */
function clientIdIn({
  clientId,
  clientUrl,
}: {
  readonly clientId?: string | undefined
  readonly clientUrl: string
}) {
  if (clientId !== undefined) return clientId
  const { hostname: host, port } = new URL(clientUrl)
  const isHere = host === 'localhost' || host === '[::1]' || host.startsWith('127.')
  return `${isHere ? hostname() : host}:${port}`
}
