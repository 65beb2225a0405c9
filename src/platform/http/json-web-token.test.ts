import '#test/support/core.ts'
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import test from 'node:test'
import { jsonWebToken } from './engine-client.ts'

test('a token is what another implementation signs', () => {
  for (const bytes of [32, 1, 63, 64, 65, 200]) {
    const secret = Uint8Array.from(randomBytes(bytes))
    const [head = '', payload = '', signature] = jsonWebToken(secret, 1_795_829_444).split('.')
    assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'HS256', typ: 'JWT' })
    assert.deepEqual(JSON.parse(Buffer.from(payload, 'base64url').toString()), { iat: 1_795_829_444 })
    const expected = createHmac('sha256', secret).update(`${head}.${payload}`).digest('base64url')
    assert.equal(signature, expected)
  }
})
