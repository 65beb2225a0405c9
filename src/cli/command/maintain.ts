/** `drover maintain`: runs a command that stalls an execution client, while another one serves and no other is stalled. */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, faultCode, messageOf } from '#kernel/fault.ts'
import type { OptionTable } from '#ports/options.ts'
import type { MaintenanceStatus } from '#roles/master/maintenance/maintenance.ts'
import { defineCommand } from './command.ts'

const options = {
  masterUrl: {
    flag: 'master',
    type: 'text',
    default: 'http://127.0.0.1:8640',
    value: 'URL',
    help: "the forward port of the client's master",
  },
  forwardSecret: {
    flag: 'forward-secret',
    type: 'text',
    value: 'TEXT',
    secret: 'value',
    help: "the forward port's shared secret",
  },
  reason: {
    flag: 'reason',
    type: 'text',
    value: 'TEXT',
    help: 'what others are told (else the command)',
  },
  others: {
    flag: 'others',
    type: 'integer',
    default: '1',
    min: 0,
    max: 64,
    help: 'other clients that must serve at the head meanwhile',
  },
  waitMs: {
    flag: 'wait',
    type: 'duration',
    default: '0s',
    min: 0,
    max: 86_400_000,
    help: 'how long to try again where it is refused',
  },
  alarmAfterMs: {
    flag: 'alarm-after',
    type: 'duration',
    default: '1h',
    min: 1_000,
    max: 604_800_000,
    help: 'time after which masters raise an alarm; nothing else happens then',
  },
  override: {
    flag: 'override',
    type: 'switch',
    help: 'stall the client whatever else is so: users may be served an old head',
  },
  release: {
    flag: 'release',
    type: 'text',
    value: 'LEASE',
    help: 'end a maintenance that nobody ends, whoever began it; --status shows them',
  },
  status: { flag: 'status', type: 'switch', help: 'show who is under maintenance and who serves' },
} as const satisfies OptionTable

const AGAIN_MS = 1_000
/** More than an answer takes; a begin takes as long as the feed does. */
const ANSWER_MS = 30_000
const MASTER_BACK_MS = 120_000
const SHELL_SIGNAL_CODE = 128

interface Master {
  /** What it answers, or its refusal. */
  post(body: object): Promise<{ readonly ok: true; readonly value: Record<string, string> } | Refused>
  /** @param lease whose work is under way: the master hears that it is */
  status(lease?: string): Promise<MaintenanceStatus>
}

interface Refused {
  readonly ok: false
  readonly why: string
}

export const maintainCommand = defineCommand({
  name: 'maintain',
  summary: 'runs a command that stalls an execution client, while another one serves',
  text: `
Asks on the feed for a lease, which is granted where no other client is under maintenance and another serves at the head; runs the command; and
returns with its exit code when the client serves again. A refusal says why (exit code 75).
  drover maintain --master http://127.0.0.1:8640 --wait 10m -- systemctl restart geth`,
  options,
  async run({ values, operands }) {
    const master = openMaster(values.masterUrl, values.forwardSecret)
    if (values.status) {
      process.stdout.write(renderStatus(await master.status()))
      return
    }
    if (values.release !== undefined) {
      const ended = await master.post({ do: 'release', lease: values.release })
      if (!ended.ok) throw new Fault('maintain/refused', ended.why)
      return
    }
    if (operands.length === 0)
      throw new Fault('options/missing', 'what shall be done? drover maintain --master URL -- COMMAND')
    const { others, alarmAfterMs, override } = values
    const reason = values.reason ?? operands.join(' ').slice(0, 200)
    const lease = await begin(master, { do: 'begin', reason, others, alarmAfterMs, override }, values.waitMs)
    process.exitCode = await carryOut(operands, lease, master)
    await end(lease, master)
  },
})

/** The lease. @throws Fault maintain/refused, maintain/no-master */
async function begin(master: Master, wish: object, waitMs: number): Promise<string> {
  const untilMs = performance.now() + waitMs
  for (let told = ''; ; ) {
    const answer = await master.post(wish).catch((thrown: unknown) => {
      if (faultCode(thrown) !== 'maintain/no-master') throw thrown
      return thrown as Fault // it may be restarted; where it had granted the lease already, it takes it back unheard
    })
    const lease = !(answer instanceof Fault) && answer.ok ? answer.value['lease'] : undefined
    if (lease !== undefined) return lease
    const fault = answer instanceof Fault ? answer : new Fault('maintain/refused', whyOf(answer))
    if (performance.now() >= untilMs) throw fault
    if (fault.message !== told) process.stderr.write(`waiting: ${fault.message}\n`)
    told = fault.message
    await sleep(AGAIN_MS)
  }
}

function whyOf(answer: Awaited<ReturnType<Master['post']>>): string {
  return answer.ok ? `the answer names no lease: ${JSON.stringify(answer.value)}` : answer.why
}

/** The command's exit code; while it runs, what happens to the others is told. */
async function carryOut(
  [command, ...args]: readonly string[],
  lease: string,
  master: Master,
): Promise<number> {
  const child = spawn(command as string, args, { stdio: 'inherit' })
  const { promise, resolve } = Promise.withResolvers<number>()
  child.once('error', (thrown) => {
    process.stderr.write(`${command} was not started: ${thrown.message}\n`)
    resolve(SHELL_SIGNAL_CODE - 1)
  })
  child.once('exit', (code, signal) => resolve(code ?? SHELL_SIGNAL_CODE + (signal === null ? 0 : 1)))
  // A terminal's ctrl-C reaches the command, too; the lease must be given back after it.
  const ignore = (): void => {}
  process.on('SIGINT', ignore)
  let isOver = false
  let wasAlone = false
  const watch = (async () => {
    while (!isOver) {
      const status = await master.status(lease).catch(() => undefined) // it may be restarted meanwhile
      const isAlone = status?.open.some((one) => one.alone && one.lease === lease) === true
      if (isAlone && !wasAlone) process.stderr.write('alarm: no other client serves now\n')
      wasAlone = isAlone
      await Promise.race([promise, sleep(AGAIN_MS, undefined, { ref: false })])
    }
  })()
  const code = await promise
  isOver = true
  await watch
  process.off('SIGINT', ignore)
  return code
}

async function end(lease: string, master: Master): Promise<void> {
  await untilThere(() => master.status(lease))
  const ended = await untilThere(() => master.post({ do: 'end' }))
  if (!ended.ok)
    process.stderr.write(`${ended.why}: somebody else has ended it, or the master was restarted\n`)
  for (let told = false; ; told = true) {
    const status = await untilThere(() => master.status())
    if (!status.open.some((one) => one.lease === lease)) return
    if (!told) process.stderr.write('waiting for the client to serve again\n')
    await sleep(AGAIN_MS)
  }
}

/** A master may be part of what was restarted. @throws Fault maintain/no-master */
async function untilThere<T>(ask: () => Promise<T>): Promise<T> {
  for (const untilMs = performance.now() + MASTER_BACK_MS; ; ) {
    try {
      return await ask()
    } catch (thrown) {
      if (performance.now() > untilMs) throw thrown
      await sleep(AGAIN_MS)
    }
  }
}

function openMaster(url: string, secret: string | undefined): Master {
  const headers = {
    'content-type': 'application/json',
    ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
  }
  const ask = async (init: RequestInit, query = ''): Promise<Response> => {
    try {
      return await fetch(new URL(`/maintenance${query}`, url), {
        ...init,
        headers,
        signal: AbortSignal.timeout(ANSWER_MS),
      })
    } catch (cause) {
      throw new Fault('maintain/no-master', `no master answers at ${url}: ${messageOf(cause)}`, {}, { cause })
    }
  }
  return {
    async post(body) {
      const response = await ask({ method: 'POST', body: JSON.stringify(body) })
      const text = await response.text()
      if (response.status !== 200 && response.status !== 409)
        throw new Fault('maintain/no-master', `${url} answers ${response.status}: ${text.slice(0, 200)}`)
      const value = JSON.parse(text) as Record<string, string>
      return response.ok ? { ok: true, value } : { ok: false, why: value['error'] ?? 'refused' }
    },
    async status(lease) {
      const response = await ask({}, lease === undefined ? '' : `?lease=${lease}`)
      if (!response.ok) throw new Fault('maintain/no-master', `${url} answers ${response.status}`)
      const status = (await response.json()) as MaintenanceStatus
      if (!status.ready)
        throw new Fault('maintain/no-master', `the master at ${url} has not read the feed to its end yet`)
      return status
    },
  }
}

function renderStatus({ open, masters, aids }: MaintenanceStatus): string {
  const leases = open.map(
    ({ lease, holder, client, reason, alone }) =>
      `${lease}  ${holder} (client ${client}): ${reason}${alone ? '  ALONE: no other client serves' : ''}`,
  )
  const standing = masters.map(
    ({ master, client, why }) => `${master.padEnd(12)}${client.padEnd(28)}${why ?? 'serves'}`,
  )
  return [
    open.length === 0 ? 'nobody is under maintenance' : 'under maintenance',
    ...leases,
    '',
    `${'master'.padEnd(12)}${'client'.padEnd(28)}`,
    ...standing,
    '',
    ...aids.map(({ what, state }) => `${what} of this master's client: ${state}`),
  ].join('\n')
}
