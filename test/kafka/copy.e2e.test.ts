/** A feed copied from an embedded host to Kafka, checked and shown there, copied back and trimmed; a copy that was stopped goes on where it was. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { DEV_CHAIN_ID, devGenesis } from '#cli/dev/genesis.ts'
import { grows } from '#test/cluster/judge.ts'
import { Anvil } from '#test/master/anvil.ts'
import { startCluster } from '#test/support/cluster.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { type KafkaBroker, makeBrokers } from '#test/support/kafka-broker.ts'
import { needs } from '#test/support/needs.ts'

test('a feed moves from one machine to Kafka', { ...needs('kafka', 'anvil'), timeout: 180_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-copy-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const { brokers, end } = await makeBrokers(1)
  const broker = brokers[0] as KafkaBroker
  await broker.start()
  const anvil = await Anvil.start(genesisFile, '--block-time', '0.2')
  const cluster = await startCluster({ client: anvil.webSocket, genesisFile, replicas: 1 })
  try {
    const to = `kafka://${broker.address}/moved`
    const chain = ['--chain-id', String(DEV_CHAIN_ID)]
    const run = (...words: readonly string[]) => DroverProcess.run('feed', ...words, ...chain)
    const count = (output: string): number =>
      Number(/(\d+) records are copied/.exec(output)?.[1] ?? Number.NaN)

    const first = await run('copy', '--from', cluster.feedAddress, '--to', to)
    assert.equal(first.code, 0, first.output)
    await grows(cluster.gateway.url, 3)
    for (const process of [
      cluster.gateway.process,
      ...cluster.replicas.map((one) => one.process),
      cluster.master,
    ])
      await process.stop() // nothing is written any more
    const second = await run('copy', '--from', cluster.feedAddress, '--to', to)
    assert.equal(second.code, 0, second.output)
    assert.ok(count(first.output) > 0 && count(second.output) > 0, 'it went on where it was')

    const [here, there] = await Promise.all([
      run('verify', '--feed', cluster.feedAddress),
      run('verify', '--feed', to),
    ])
    assert.match(here.output, /records 0 to \d+ hold: \d+ frames, head \d+/)
    assert.equal(there.output, here.output)

    const other = new DroverProcess(
      'feed',
      'serve',
      '--data',
      join(dir, 'other'),
      '--listen',
      `unix:${join(dir, 'o.sock')}`,
    )
    await other.start()
    const back = await run('copy', '--from', to, '--to', `unix:${join(dir, 'o.sock')}`)
    assert.equal(back.code, 0, back.output)
    await other.stop()
    assert.ok(readdirSync(join(dir, 'other')).length > 0)

    const shown = await run('show', '--feed', to)
    assert.match(shown.output, /generation +1 of chain \d+, cluster \S+, base 0/)
    assert.match(shown.output, /newest +block \d+.*, 20\d\d-/)
    assert.match(shown.output, /framePart +\d+ records/)
    const trim = ['trim', '--feed', to, '--before', '5'] as const
    const refused = await run(...trim)
    assert.match(refused.output, /none can be started/)
    assert.notEqual(refused.code, 0)
    const unknown = await run(...trim, '--retain-without-base')
    assert.match(unknown.output, /nobody says where the replicas stand/)
    const unnamed = await run(...trim, '--retain-without-base', '--replicas-too')
    assert.match(unnamed.output, /nobody says where the masters stand/)
    const trimmed = await run(...trim, '--retain-without-base', '--replicas-too', '--masters-too')
    assert.match(trimmed.output, /5 records are dropped; the feed is now 5 to \d+/)
    assert.match((await run('show', '--feed', to, '--quick')).output, /its record was dropped/)
    const unproven = await run('verify', '--feed', to)
    assert.match(unproven.output, /begins at position 5/)
    assert.notEqual(unproven.code, 0)

    const missing = await DroverProcess.run('feed', 'verify', '--feed', to)
    assert.equal(missing.code, 2)
    assert.match(missing.output, /add --chain-id/)
  } finally {
    await cluster.stop()
    await anvil.stop()
    await end()
    rmSync(dir, { recursive: true, force: true })
  }
})
