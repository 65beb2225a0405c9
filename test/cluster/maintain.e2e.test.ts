/** `drover maintain` with real masters: a command runs while the other client serves, and never two at once; users do not notice. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { grows } from '#test/cluster/judge.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { waitFor } from '#test/support/wait.ts'
import { openRig, rigNeeds } from './rig.ts'

const WAIT_MS = 60_000

interface Status {
  readonly open: readonly { readonly lease: string; readonly holder: string }[]
  readonly masters: readonly { readonly master: string; readonly why: string | null }[]
}

test('maintenance under a lease', { ...rigNeeds(), timeout: 240_000 }, async (t) => {
  const rig = await openRig({
    ...{ blockTimeMs: 300, masters: 2, replicas: 1 },
    masterOptions: (id) => ['--client-id', `client of ${id}`],
  })
  try {
    const { gateway, masters, forward } = rig.cluster
    const [first, second] = forward as [string, string]
    const status = async (url: string): Promise<Status> =>
      (await (await fetch(`${url}/maintenance`)).json()) as Status
    const maintain = (url: string, ...words: readonly string[]) =>
      DroverProcess.run('maintain', '--master', url, ...words)
    const bothServe = (): Promise<true> =>
      waitFor('both masters to serve', WAIT_MS, async () => {
        const standings = await Promise.all([first, second].map(status))
        const all = standings.flatMap((one) => [
          ...one.masters.map(({ why }) => why === null),
          one.open.length === 0,
        ])
        return all.length === 6 && all.every(Boolean) ? true : undefined
      })
    const log = join(rig.dir, 'log')
    const work = (name: string): string[] => [
      ...['--', process.execPath, '-e'],
      `const fs = require("fs"); fs.appendFileSync(${JSON.stringify(log)}, "+${name}"); setTimeout(() => { fs.appendFileSync(${JSON.stringify(log)}, "-${name}"); process.exit(3) }, 1500)`,
    ]

    await t.test('a command runs while the other client serves; its exit code comes back', async () => {
      await bothServe()
      const done = maintain(first, ...work('a'))
      await waitFor('the lease', WAIT_MS, async () =>
        (await status(second)).open.length === 1 ? true : undefined,
      )
      await grows(gateway.url, 2)
      assert.equal((await done).code, 3)
      assert.deepEqual((await status(first)).open, [])
    })
    await t.test('of two that are wanted at once one waits for the other', async () => {
      await bothServe()
      rmSync(log)
      const both = await Promise.all(
        [first, second].map((url, i) => maintain(url, '--wait', '60s', ...work(String(i)))),
      )
      assert.deepEqual(
        both.map(({ code }) => code),
        [3, 3],
        both.map(({ output }) => output).join('\n'),
      )
      assert.match(readFileSync(log, 'utf8'), /^(\+0-0\+1-1|\+1-1\+0-0)$/)
    })
    await t.test('a master that is killed meanwhile holds its lease while the command goes on', async () => {
      await bothServe()
      const begun = join(rig.dir, 'begun')
      const long = `require("fs").writeFileSync(${JSON.stringify(begun)}, ""); setTimeout(() => process.exit(4), 8000)`
      const done = maintain(first, '--', process.execPath, '-e', long)
      // Not only the lease: others see it before the answer that granted it has come to whoever asked.
      await waitFor('the command', WAIT_MS, () => (existsSync(begun) ? true : undefined))
      await waitFor('the lease', WAIT_MS, async () =>
        (await status(second)).open.length === 1 ? true : undefined,
      )
      await masters[0]?.kill('SIGKILL')
      await masters[0]?.start()
      await waitFor('the lease in its next life', WAIT_MS, async () => {
        const { open, masters: standing } = await status(second)
        if (open.length === 0) throw new Error('it has ended')
        return standing.some(({ master, why }) => master === 'm1' && why === 'is maintaining')
          ? true
          : undefined
      })
      const { code, output } = await done
      assert.equal(code, 4, output)
      assert.deepEqual((await status(second)).open, [])
    })
    await t.test('where whoever did it is gone, too, the client that serves again ends it', async () => {
      await bothServe()
      const begun = await fetch(`${first}/maintenance`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ do: 'begin', reason: 'a reboot', alarmAfterMs: 60_000 }),
      })
      assert.equal(begun.status, 200, await begun.text())
      await masters[0]?.kill('SIGKILL')
      await masters[0]?.start()
      await waitFor('its end', WAIT_MS, async () =>
        (await status(second)).open.length === 0 ? true : undefined,
      )
    })
    await t.test(
      'with no other client there it is refused with the reason; an operator may override',
      async () => {
        await bothServe()
        await masters[1]?.kill('SIGKILL')
        await waitFor('m2 to be missed', WAIT_MS, async () =>
          (await status(first)).masters.some(({ master, why }) => master === 'm2' && why === null)
            ? undefined
            : true,
        )
        const refused = await maintain(first, '--', 'true')
        assert.equal(refused.code, 75, refused.output)
        assert.match(refused.output, /m2 is silent.*maintain\/refused/)
        const overridden = await maintain(first, '--override', '--', 'true')
        assert.equal(overridden.code, 0, overridden.output)
        await masters[1]?.start()
      },
    )
    await t.test(
      'when the other client goes meanwhile the operator is told; what nobody ends is released',
      async () => {
        await bothServe()
        const lease = (await (
          await fetch(`${first}/maintenance`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ do: 'begin', reason: 'a long one', alarmAfterMs: 500 }),
          })
        ).json()) as { lease?: string }
        assert.ok(lease.lease)
        await fetch(`${first}/maintenance?lease=${lease.lease}`) // whoever was granted it must be heard
        await masters[1]?.kill('SIGKILL')
        await waitFor('the alarms', WAIT_MS, () =>
          /too few clients serve/.test(masters[0]?.log ?? '') &&
          /longer than was said/.test(masters[0]?.log ?? '')
            ? true
            : undefined,
        )
        assert.equal((await maintain(first, '--release', lease.lease)).code, 0)
        await waitFor('its end', WAIT_MS, async () =>
          (await status(first)).open.length === 0 ? true : undefined,
        )
        await grows(gateway.url, 2)
        await masters[1]?.start()
      },
    )
    await t.test('wrong requests are told what is wrong', async () => {
      assert.match((await maintain(first)).output, /what shall be done/)
      assert.match((await maintain(first, '--release', 'x')).output, /16 hex digits/)
      assert.match((await maintain('http://127.0.0.1:9', '--status')).output, /maintain\/no-master/)
      const asPage = await fetch(`${first}/maintenance`, { method: 'POST', body: '{"do":"end"}' })
      assert.equal(asPage.status, 415)
    })
  } finally {
    await rig.close()
  }
})
