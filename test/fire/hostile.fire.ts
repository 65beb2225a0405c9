/**
 * A million malformed and hostile requests to a replica and a gateway, and mutated heads: nobody dies, memory stays flat, and every answer
 * is valid JSON-RPC.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '#kernel/fault.ts'
import type { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { anvilPath } from '#test/support/needs.ts'
import { wholeFlag } from '#tools/flags.ts'
import type { Fire } from './fire.ts'
import { createHostile, type HostileRequest, wrongAnswer } from './hostile-bodies.ts'
import { LastAnswered, openRaw, type RawAnswer, sendMutatedHead } from './raw-http.ts'
import { anonymousBytes, openRig } from './rig.ts'

const CONNECTIONS = 8
/** Requests of one connection on their way. */
const PIPELINE = 16
/** Of a request behind one whose answer, a refusal, was its connection's last. */
const ATTEMPTS_MAX = 20
/** From half to the end. Garbage that is not collected yet is no leak; one of 300 bytes a request would be more, at full size. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024
const SETTLE_MS = 3_000

export const fire: Fire = {
  name: 'hostile',
  summary:
    'malformed and hostile requests, and mutated heads, at a replica and a gateway (--requests N, --heads N, --seed N)',
  flags: ['requests', 'heads', 'seed'],
  missing: () => (anvilPath() === undefined ? 'anvil has no package for this platform' : undefined),
  async run({ quick, flags, say }) {
    const requests = wholeFlag(flags, 'requests', quick ? 10_000 : 1_000_000)
    const heads = wholeFlag(flags, 'heads', quick ? 600 : 50_000)
    const seed = wholeFlag(flags, 'seed', Math.floor(Math.random() * 2 ** 32), 0)
    say(`seed ${seed}`)
    const rig = await openRig({ blockTimeMs: 1_000, replicas: 1 })
    const violations: string[] = []
    const counts: Record<string, number> = { seed }
    try {
      const { gateway, replicas } = rig.cluster
      const targets = [
        { name: 'replica', ...(replicas[0] ?? gateway) },
        { name: 'gateway', ...gateway },
      ]
      for (const target of targets) {
        const port = Number(new URL(target.url).port)
        const random = dice(seed)
        await bodies(port, Math.ceil(requests / 4), random, counts, violations)
        await sleep(SETTLE_MS)
        const before = anonymousBytes(target.process.pid)
        await bodies(port, Math.ceil(requests / 4), random, counts, violations)
        await mutatedHeads(port, Math.ceil(heads / 2), random, counts, violations)
        await sleep(SETTLE_MS)
        const after = anonymousBytes(target.process.pid)
        counts[`${target.name}_bytes_before`] = before
        counts[`${target.name}_bytes_after`] = after
        if (after - before > GROWTH_BYTES_MAX)
          violations.push(`the ${target.name} grew from ${before} to ${after} bytes`)
        await alive(target, violations)
        say(`${target.name}: ${mib(before)} before, ${mib(after)} after, ${violations.length} violations`)
      }
    } finally {
      await rig.close()
    }
    const verdict = `${counts['requests']} requests and ${counts['heads']} heads, ${counts['answered']} valid answers, memory flat, nobody died`
    return { verdict, violations, counts }
  },
}

async function bodies(
  port: number,
  requests: number,
  random: () => number,
  counts: Record<string, number>,
  violations: string[],
): Promise<void> {
  const next = createHostile(random)
  let left = requests
  const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1)
  const judge = ({ body, maySayNothing }: HostileRequest, answer: RawAnswer): void => {
    const { status, contentType, body: text } = answer
    const wrong = wrongAnswer(status, contentType, text, maySayNothing)
    if (wrong === undefined) count('answered')
    else violations.push(`${wrong}: ${startOf(body)} → ${status} ${text.slice(0, 200)}`)
  }
  const one = async (): Promise<void> => {
    let connection = openRaw(port)
    const ask = async (request: HostileRequest, attempt = 1): Promise<void> => {
      const current = connection
      try {
        judge(request, await (await current).post(request.body, request.contentType))
      } catch (thrown) {
        if (connection === current) connection = openRaw(port)
        if (!(thrown instanceof LastAnswered) || attempt === ATTEMPTS_MAX) {
          violations.push(`no answer (${messageOf(thrown)}): ${startOf(request.body)}`)
          return
        }
        count('asked_again')
        await ask(request, attempt + 1)
      }
    }
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        count('requests')
        await ask(next())
      }
    }
    await Promise.all(Array.from({ length: PIPELINE }, lane))
    ;(await connection).close()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, one))
}

function startOf(body: Uint8Array): string {
  return Buffer.from(body).toString().slice(0, 200)
}

async function mutatedHeads(
  port: number,
  heads: number,
  random: () => number,
  counts: Record<string, number>,
  violations: string[],
): Promise<void> {
  let left = heads
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const status = await sendMutatedHead(port, random)
      counts['heads'] = (counts['heads'] ?? 0) + 1
      if (status < 0) violations.push('an answer that does not begin as HTTP does')
      if (status === 500) violations.push('a head was answered with 500')
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
}

/** The same process, answering. */
async function alive(
  target: { name: string; url: string; process: DroverProcess },
  violations: string[],
): Promise<void> {
  if (!target.process.isRunning)
    violations.push(`the ${target.name} ended:\n${target.process.log.slice(-500)}`)
  try {
    await result(target.url, 'eth_blockNumber')
  } catch (thrown) {
    violations.push(`the ${target.name} does not answer: ${messageOf(thrown)}`)
  }
  const traces = target.process.log.match(/a (?:request|call) failed/g)?.length ?? 0
  if (traces > 0) violations.push(`the ${target.name} logged ${traces} failures of its own`)
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`
}

/** Mulberry32. */
function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
