import assert from 'node:assert/strict'
import test from 'node:test'
import '#test/support/core.ts'
import { fromHex, toHex, utf8 } from '#kernel/bytes.ts'
import { keccak256, sha256 } from './keccak.ts'
import { recoverAddress } from './recover.ts'

test('keccak-256 and SHA-256 give the known hashes', () => {
  assert.equal(
    toHex(keccak256(new Uint8Array(0))),
    '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
  )
  assert.equal(
    toHex(keccak256(utf8('abc'))),
    '0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45',
  )
  assert.equal(
    toHex(sha256(utf8('abc'))),
    '0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('hashing survives growth of the memory of the core', () => {
  const big = new Uint8Array(20_000_000).fill(7)
  const small = toHex(sha256(utf8('abc')))
  sha256(big)
  assert.equal(toHex(sha256(utf8('abc'))), small)
})

test('the signer of the Yellow Paper’s ecrecover vector is found, and nobody for a signature out of range', () => {
  const hash = fromHex('0x456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3')
  const r = 0x9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608n
  const s = 0x4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852adan
  assert.equal(
    toHex(recoverAddress(hash, 1, r, s) ?? new Uint8Array()),
    '0x7156526fbd7a3c72969b54f64e42c10fbb768c8a',
  )
  assert.equal(recoverAddress(hash, 1, 0n, s), undefined)
  assert.equal(recoverAddress(hash, 2, r, s), undefined)
})
