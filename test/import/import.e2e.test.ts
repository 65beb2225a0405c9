/** A chain file on its way: into a store, onto a feed, to a replica that answers; refused where a bit of it is another; gone on with after a kill. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { freePort } from '#test/geth/node.ts'
import { DroverProcess } from '#test/support/drover-process.ts'
import { result } from '#test/support/json-rpc.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { waitFor } from '#test/support/wait.ts'

const SUITE = join(SHARED, 'conformance', 'execution-apis')
const CHAIN = join(SUITE, 'chain.rlp')
const GENESIS = join(SUITE, 'genesis.json')
const HEAD = '0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7'
const WAIT_MS = 60_000

async function inFolder(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-import-'))
  try {
    await run(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const importing = (
  dir: string,
  chain: string,
  genesis: string,
  ...more: string[]
): Promise<{ code: number | null; output: string }> =>
  DroverProcess.run('import', chain, '--genesis', genesis, '--data', join(dir, 'import'), ...more)

test(
  'the conformance chain becomes a feed, from which a replica with a trie answers; the same command again has nothing to do',
  needs('shared'),
  () =>
    inFolder(async (dir) => {
      const address = `unix:${join(dir, 'feed.sock')}`
      const feed = new DroverProcess('feed', 'serve', '--data', join(dir, 'feed'), '--listen', address)
      const port = await freePort()
      const replica = new DroverProcess(
        'replica',
        ...[
          '--genesis',
          GENESIS,
          '--feed',
          address,
          '--data',
          join(dir, 'replica'),
          '--trie',
          '--verify',
          'strict',
        ],
        ...['--port', String(port), '--link', `unix:${join(dir, 'replica.sock')}`, '--prove', 'root'],
      )
      try {
        await feed.start()
        const { code, output } = await importing(dir, CHAIN, GENESIS, '--feed', address)
        assert.equal(code, 0, output)
        assert.match(output, /"message":"imported".*"head":54.*"blocks":54/)
        await replica.start()
        const url = `http://127.0.0.1:${port}`
        await waitFor('the replica at the head', WAIT_MS, async () =>
          (await result(url, 'eth_blockNumber')) === '0x36' ? true : undefined,
        )
        for (const tag of ['latest', 'safe', 'finalized']) {
          const block = (await result(url, 'eth_getBlockByNumber', [tag, false])) as { hash: string }
          assert.equal(block.hash, HEAD, tag)
        }
        const old = (await result(url, 'eth_getBlockReceipts', ['0x2'])) as { root?: string }[]
        assert.ok(
          old.every(({ root }) => /^0x[0-9a-f]{64}$/.test(root ?? '')),
          'receipts of old forks have their roots',
        )
        const again = await importing(dir, CHAIN, GENESIS, '--feed', address)
        assert.equal(again.code, 0, again.output)
        assert.match(again.output, /"message":"imported".*"blocks":0/)
      } finally {
        await replica.stop()
        await feed.stop()
      }
    }),
)

test('a file or a genesis with another bit is refused with the block and the field', needs('shared'), () =>
  inFolder(async (dir) => {
    const chain = Uint8Array.from(readFileSync(CHAIN))
    chain[chain.length >> 1] = (chain[chain.length >> 1] as number) ^ 1
    const file = join(dir, 'chain.rlp')
    writeFileSync(file, chain)
    const flipped = await importing(dir, file, GENESIS)
    assert.equal(flipped.code, 1)
    assert.match(
      flipped.output,
      /block \d+ \(?0x.*is not valid: \w+: .*import\/refused|chain file is not blocks as RLP: at byte \d+.*import\/malformed/,
    )
    const genesis = JSON.parse(readFileSync(GENESIS, 'utf8')) as {
      alloc: Record<string, { balance: string }>
    }
    const [account] = Object.values(genesis.alloc)
    assert.ok(account)
    account.balance = `0x${(BigInt(account.balance) ^ 1n).toString(16)}`
    const other = join(dir, 'genesis.json')
    writeFileSync(other, JSON.stringify(genesis))
    rmSync(join(dir, 'import'), { recursive: true })
    const foreign = await importing(dir, CHAIN, other)
    assert.equal(foreign.code, 1)
    assert.match(foreign.output, /block 1 .*is not valid: parentHash: .*import\/refused/)
  }),
)

test(
  'a killed import goes on where it was, and a file that ends within a block is told',
  needs('shared'),
  () =>
    inFolder(async (dir) => {
      const whole = readFileSync(CHAIN)
      const half = join(dir, 'half.rlp')
      writeFileSync(half, whole.subarray(0, whole.length >> 1))
      const cut = await importing(dir, half, GENESIS)
      assert.equal(cut.code, 1)
      assert.match(cut.output, /the file ends within a block.*import\/malformed/)
      const killed = new DroverProcess('import', CHAIN, '--genesis', GENESIS, '--data', join(dir, 'import'))
      await killed.start()
      await killed.kill('SIGKILL')
      const rest = await importing(dir, CHAIN, GENESIS)
      assert.equal(rest.code, 0, rest.output)
      assert.match(rest.output, new RegExp(`"message":"imported".*"head":54,"hash":"${HEAD}"`))

      const data = ['--data', join(dir, 'import')]
      const out = join(dir, 'out.rlp')
      writeFileSync(out, whole.subarray(0, whole.length >> 1))
      const exported = await DroverProcess.run('export', out, ...data)
      assert.equal(exported.code, 0, exported.output)
      assert.ok(
        readFileSync(out).equals(whole),
        'the file is the one that was imported, and was gone on with',
      )
      writeFileSync(out, 'something else')
      assert.match((await DroverProcess.run('export', out, ...data)).output, /export\/foreign/)

      const checked = await DroverProcess.run('check', ...data)
      assert.equal(checked.code, 0, checked.output)
      assert.match(
        checked.output,
        /^block 54: \d+ accounts and \d+ slots have the state root of the header, 0x/m,
      )
    }),
)
