/** eth_getProof at every block of the conformance chain, of accounts that are there and of some that are not, by a verifier of its own. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeRlp } from '#chain/codec/rlp.ts'
import { readLeaf } from '#chain/trie/testing/read-proof.ts'
import { keccak256 } from '#core/keccak.ts'
import { bigintTo, fromHex, fromUtf8, joinParts, toHex, trimZeros, utf8 } from '#kernel/bytes.ts'
import { needs } from '#test/support/needs.ts'
import { suiteAnswerer } from './suite-answerer.ts'

const BLOCKS = 54
const ABSENT = `0x${'77'.repeat(20)}`
const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const ZERO32 = `0x${'00'.repeat(32)}`

interface Proof {
  readonly address: string
  readonly accountProof: readonly string[]
  readonly balance: string
  readonly codeHash: string
  readonly nonce: string
  readonly storageHash: string
  readonly storageProof: readonly {
    readonly key: string
    readonly value: string
    readonly proof: readonly string[]
  }[]
}

/** A client in this process. */
function client() {
  const { answer } = suiteAnswerer()
  return async (
    method: string,
    params: readonly unknown[],
  ): Promise<{ result?: unknown; error?: { code: number; message: string } }> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const got = await answer(utf8(body), { signal: new AbortController().signal })
    assert.ok('items' in got)
    const [item] = got.items
    if (item?.kind === 'answered') return JSON.parse(item.json)
    if (item?.kind === 'encoded') return JSON.parse(fromUtf8(joinParts(item.parts)))
    return assert.fail(JSON.stringify(item))
  }
}

const rlpOfQuantity = (text: string): Uint8Array => trimZeros(bigintTo(BigInt(text), 32))

test(
  'each block’s proofs lead from its state root to what the other methods say',
  needs('shared'),
  async () => {
    const ask = client()
    const accounts = new Set<string>([ABSENT])
    let slots = 0
    let present = 0
    for (let number = 0; number <= BLOCKS; number++) {
      const tag = `0x${number.toString(16)}`
      const block = (await ask('eth_getBlockByNumber', [tag, true])).result as {
        stateRoot: string
        miner: string
        transactions: { from: string; to: string | null }[]
      }
      accounts.add(block.miner)
      for (const { from, to } of block.transactions) accounts.add(from).add(to ?? from)
      for (const address of accounts) {
        const keys = ['0x0', `0x${'00'.repeat(31)}01`, '0x4']
        const proof = (await ask('eth_getProof', [address, keys, tag])).result as Proof
        const leaf = readLeaf(
          fromHex(block.stateRoot),
          keccak256(fromHex(address)),
          proof.accountProof.map(fromHex),
        )
        assert.equal(proof.address, address)
        if (leaf === undefined) {
          assert.deepEqual(
            [proof.balance, proof.nonce, proof.codeHash, proof.storageHash],
            ['0x0', '0x0', ZERO32, ZERO32],
          )
          assert.ok(proof.storageProof.every((slot) => slot.value === '0x0' && slot.proof.length === 0))
          continue
        }
        present++
        const parts = [
          rlpOfQuantity(proof.nonce),
          rlpOfQuantity(proof.balance),
          fromHex(proof.storageHash),
          fromHex(proof.codeHash),
        ]
        assert.equal(toHex(leaf), toHex(encodeRlp(parts)), `${address} at block ${number}`)
        assert.equal((await ask('eth_getBalance', [address, tag])).result, proof.balance)
        assert.deepEqual(
          proof.storageProof.map(({ key }) => key),
          ['0x0', `0x${'00'.repeat(31)}01`, '0x4'],
        )
        for (const { key, value, proof: nodes } of proof.storageProof) {
          assert.equal(
            BigInt((await ask('eth_getStorageAt', [address, key, tag])).result as string),
            BigInt(value),
          )
          if (proof.storageHash === EMPTY_ROOT) {
            assert.equal(nodes.length, 0)
            continue
          }
          slots++
          const word = readLeaf(
            fromHex(proof.storageHash),
            keccak256(bigintTo(BigInt(key), 32)),
            nodes.map(fromHex),
          )
          assert.deepEqual(word, BigInt(value) === 0n ? undefined : encodeRlp(rlpOfQuantity(value)))
        }
      }
    }
    assert.ok(present > 500 && slots > 50, `${present} accounts and ${slots} slots were proven`)
  },
)

test('what is wrong with a request for a proof is said as geth says it', needs('shared'), async () => {
  const ask = client()
  const refusal = async (...params: unknown[]): Promise<string> => {
    const { error } = await ask('eth_getProof', params)
    return error === undefined ? 'answered' : `${error.code} ${error.message}`
  }
  assert.equal(await refusal(ABSENT), '-32602 missing value for required argument 1')
  assert.equal(
    await refusal(ABSENT, 'x', 'latest'),
    '-32602 invalid argument 1: json: cannot unmarshal string into Go value of type []string',
  )
  assert.equal(
    await refusal(ABSENT, [7], 'latest'),
    '-32602 invalid argument 1: json: cannot unmarshal number into Go value of type string',
  )
  assert.equal(await refusal(ABSENT, ['0xzz'], 'latest'), '-32602 invalid hex in storage key: "0xzz"')
  assert.equal(
    await refusal(ABSENT, [`0x${'0'.repeat(66)}`], 'latest'),
    `-32602 storage key too long (want at most 32 bytes): "0x${'0'.repeat(66)}"`,
  )
  assert.equal(
    await refusal(
      ABSENT,
      Array.from({ length: 1_025 }, () => '0x0'),
      'latest',
    ),
    '-32602 too many storage keys requested (max 1024, got 1025)',
  )
  assert.equal(await refusal(ABSENT, [], '0x100'), '-32000 header not found')
  assert.equal(await refusal(ABSENT, ['', '1', '0X2'], 'latest'), 'answered')
})
