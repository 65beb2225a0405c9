/** Public chains as geth knows them: their genesis files give their known first blocks, and rules by name are the rules of the file. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import '#test/support/core.ts'
import { parseChainConfig } from '#chain/fork/fork-schedule.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { presetConfig } from '#chain/fork/presets.ts'
import { faultCode } from '#kernel/fault.ts'
import { GETH, needs } from '#test/support/needs.ts'

const KNOWN: Record<string, string> = {
  mainnet: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3',
  sepolia: '0x25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9',
  hoodi: '0xbbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b',
}

test('mainnet, sepolia and hoodi have their first blocks, and their rules by name', needs('geth'), () => {
  for (const [name, hash] of Object.entries(KNOWN)) {
    const { stdout } = spawnSync(GETH, [`--${name}`, 'dumpgenesis'], { encoding: 'utf8', maxBuffer: 64e6 })
    const genesis = parseGenesis(stdout)
    assert.equal(genesis.header.hash, hash, name)
    const preset = parseChainConfig(presetConfig(name))
    assert.equal(preset.chainId, genesis.config.chainId)
    const { config } = JSON.parse(stdout) as { config: Record<string, unknown> }
    const numbers = [0, 15_537_393, 15_537_394, ...ends(config, /Block$/)]
    const times = [0, ...ends(config, /Time$/)]
    for (const number of numbers)
      for (const time of times) {
        const rules = (from: typeof preset): unknown => {
          try {
            return from.rulesAt(number, time)
          } catch (thrown) {
            return faultCode(thrown)
          }
        }
        assert.deepEqual(rules(preset), rules(genesis.config), `${name}, block ${number} at ${time}`)
      }
    const byName = parseGenesis(JSON.stringify({ ...JSON.parse(stdout), config: name }))
    assert.equal(byName.header.hash, hash)
  }
})

/** On both sides of each fork. */
function ends(config: Record<string, unknown>, key: RegExp): number[] {
  return Object.entries(config).flatMap(([name, at]) =>
    key.test(name) && typeof at === 'number' ? [Math.max(at - 1, 0), at] : [],
  )
}

test('a chain that nobody knows by name is refused by name', () => {
  const genesis = JSON.stringify({ config: 'goerli', alloc: {} })
  assert.throws(
    () => parseGenesis(genesis),
    (thrown) =>
      faultCode(thrown) === 'chain/unsupported-rules' && /"goerli".*mainnet, sepolia/.test(String(thrown)),
  )
})
