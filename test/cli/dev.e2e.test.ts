/** `drover dev` as a newcomer meets it: a whole cluster with several masters, one of which is killed, and nothing left behind. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import { freePort } from '#test/geth/node.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { needs } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'

const RETURN_MS = 30_000

/** Processes that `pid` started and that have this among their arguments. */
function childrenWith(pid: number, ...args: readonly string[]): number[] {
  const lines = execFileSync('ps', ['--ppid', String(pid), '-o', 'pid=,args='], { encoding: 'utf8' }).split(
    '\n',
  )
  return lines.filter((line) => line.includes(args.join(' '))).map((line) => Number.parseInt(line, 10))
}

test('a cluster with two masters goes on when one is killed, starts it again, and leaves nothing', {
  ...needs('anvil'),
  timeout: 180_000,
}, async () => {
  const port = await freePort()
  const options = ['--masters', '2', '--replicas', '1', '--block-time', '250ms', '--port', String(port)]
  const dev = new DroverProcess('dev', ...options)
  let children: number[] = []
  try {
    const { gateway } = (await dev.start()) as { gateway: string }
    const pid = dev.pid as number
    const number = async (): Promise<number> => Number(await result(gateway, 'eth_blockNumber'))
    const grows = async (): Promise<void> => {
      const from = await waitFor('an answer', RETURN_MS, number)
      await waitFor('the head grows', RETURN_MS, async () => ((await number()) > from + 3 ? true : undefined))
    }
    await grows()
    for (const name of ['m1', 'm2', 'r1']) assert.match(dev.log, new RegExp(`^  ${name} +http://`, 'm'))
    const [first] = childrenWith(pid, '--id', 'm1')
    assert.ok(first)
    process.kill(first, 'SIGKILL')
    await grows()
    await waitFor('m1 runs again', RETURN_MS, () =>
      childrenWith(pid, '--id', 'm1').some((again) => again !== first) ? true : undefined,
    )
    await grows()
    children = childrenWith(pid)
  } finally {
    await dev.stop()
  }
  assert.ok(children.length >= 6)
  const alive = children.filter((child) => {
    try {
      return process.kill(child, 0)
    } catch {
      return false
    }
  })
  assert.deepEqual(alive, [], dev.log)
})
