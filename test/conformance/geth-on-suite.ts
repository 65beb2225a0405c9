/** An unmodified geth that has the suite's chain and was told its last forkchoice. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GethNode } from '#test/geth/node.ts'
import { GETH } from '#test/support/needs.ts'
import { SUITE } from './suite-answerer.ts'

const GAS_LIMIT = 100_000_000

export async function startGethOnSuite(
  suite = SUITE,
): Promise<{ readonly node: GethNode; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-suite-'))
  const jwtSecret = randomBytes(32).toString('hex')
  const jwtFile = join(dir, 'jwt.hex')
  writeFileSync(jwtFile, jwtSecret)
  const genesisFile = join(suite, 'genesis.json')
  const { config } = json(genesisFile) as { config: { chainId: number } }
  const node = new GethNode({
    geth: GETH,
    dir: join(dir, 'geth'),
    genesisFile,
    jwtSecret,
    jwtFile,
    gasLimit: GAS_LIMIT,
    networkId: BigInt(config.chainId),
    args: [],
  })
  const stop = async (): Promise<void> => {
    await node.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await node.init()
    await node.importChain(join(suite, 'chain.rlp'))
    await node.start()
    const { method, params } = json(join(suite, 'headfcu.json')) as { method: string; params: unknown[] }
    await node.engine(method, ...params)
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return { node, stop }
}

function json(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}
