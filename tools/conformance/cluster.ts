/**
 * A cluster that follows a suite's own chain: the file is imported onto a feed, and a replica with a trie answers. No execution client is
 * in it, so what only a client knows (its pool) is refused.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '#test/geth/node.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { waitFor } from '#test/support/wait.ts'

const HORIZON_BLOCKS = '100000'
const HEAD_WAIT_MS = 120_000

export interface SuiteCluster {
  readonly url: string
  readonly processes: readonly DroverProcess[]
  stop(): Promise<void>
}

export async function startSuiteCluster(suite: string): Promise<SuiteCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-conformance-'))
  const genesis = ['--genesis', join(suite, 'genesis.json')]
  const address = `unix:${join(dir, 'feed.sock')}`
  const port = await freePort()
  const feed = new DroverProcess('feed', 'serve', '--data', join(dir, 'feed'), '--listen', address)
  const replica = new DroverProcess(
    'replica',
    ...[...genesis, '--feed', address, '--data', join(dir, 'replica'), '--port', String(port)],
    ...['--link', `unix:${join(dir, 'replica.sock')}`, '--trie', '--horizon', HORIZON_BLOCKS],
  )
  const stop = async (): Promise<void> => {
    await replica.stop()
    await feed.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await feed.start()
    const place = ['--feed', address, '--data', join(dir, 'import')]
    const imported = await DroverProcess.run('import', join(suite, 'chain.rlp'), ...genesis, ...place)
    const head = /"message":"imported".*"hash":"(0x[0-9a-f]{64})"/.exec(imported.output)?.[1]
    if (imported.code !== 0 || head === undefined) throw new Error(`the import failed: ${imported.output}`)
    await replica.start()
    const url = `http://127.0.0.1:${port}`
    await waitFor(`the replica at ${head}`, HEAD_WAIT_MS, async () => {
      const block = (await result(url, 'eth_getBlockByNumber', ['latest', false])) as { hash: string }
      return block.hash === head ? true : undefined
    })
    return { url, processes: [feed, replica], stop }
  } catch (thrown) {
    await stop()
    throw thrown
  }
}
