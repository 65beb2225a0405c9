/** `drover gateway`: one endpoint before all replicas. */
import { httpServerFor, httpOptions } from '#cli/process/http.ts'
import { loggerFor, logOptions } from '#cli/process/logging.ts'
import { runService } from '#cli/process/service.ts'
import { installCommittedCore } from '#cli/process/core.ts'
import { createClock } from '#platform/clock/clock.ts'
import { createHttpClient } from '#platform/http/client.ts'
import { httpLimits } from '#platform/http/limits.ts'
import { createHeapMemory, createProcessMemory, joinMemories } from '#platform/memory/memory.ts'
import { createTransport } from '#platform/net/transport.ts'
import { createRandom } from '#platform/random/random.ts'
import { memoryLimits, startMemoryGuard } from '#ports/memory-guard.ts'
import { createMeterRegistry } from '#ports/meter/meter-registry.ts'
import { startGateway } from '#roles/gateway/gateway.ts'
import { gatewayLimits } from '#roles/gateway/limits.ts'
import { gatewayOptions } from '#roles/gateway/options.ts'
import { rpcLimits } from '#rpc/limits.ts'
import { defineCommand } from './command.ts'

const CLOSE_GRACE_MS = 2_000

export const gatewayCommand = defineCommand({
  name: 'gateway',
  summary: 'one endpoint before all replicas, whose head never goes backwards',
  text: `
Asks the replicas that hold the served head, and passes to masters what only an execution client knows.
  drover gateway --replicas 127.0.0.1:8556,127.0.0.1:8566 --masters http://127.0.0.1:8640 --port 8545`,
  options: { ...gatewayOptions, ...httpOptions, ...logOptions },
  limits: { ...httpLimits, ...rpcLimits, ...gatewayLimits, ...memoryLimits },
  async run({ values }) {
    const log = loggerFor(values.id, values)
    installCommittedCore()
    await runService('gateway', log, async (scope) => {
      const http = createHttpClient()
      scope.defer(() => http.close())
      const clock = createClock()
      const meter = createMeterRegistry()
      const memory = joinMemories(
        createHeapMemory(),
        createProcessMemory({ maxBytes: values.memoryMaxBytes }),
      )
      const gateway = startGateway(
        values,
        {
          transport: createTransport(),
          http,
          clock,
          random: createRandom(),
          log,
          meter,
          memory: startMemoryGuard({ memory, clock, log, meter }, scope),
        },
        scope,
      )
      const { host, port } = await httpServerFor(values)
        .listen(
          { host: values.host, port: values.port, bodyBytesMax: values.bodyBytesMax, gate: gateway.gate },
          gateway.handle,
        )
        .then((listener) => {
          scope.defer(() => listener.close({ graceMs: CLOSE_GRACE_MS }))
          return listener
        })
      log.info('answering', { http: `http://${host}:${port}`, replicas: values.replicas })
      return { http: `http://${host}:${port}` }
    })
  },
})
