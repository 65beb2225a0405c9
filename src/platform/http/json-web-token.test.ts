import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import test from 'node:test'
import { jsonWebToken } from './json-web-token.ts'

test('the parts of a token read back, and its signature is that of the two first under the secret', () => {
  for (const bytes of [32, 1, 63, 64, 65, 200]) {
    const secret = Uint8Array.from(randomBytes(bytes))
    const [head = '', payload = '', signature] = jsonWebToken(secret, 1_795_829_444).split('.')
    assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'HS256', typ: 'JWT' })
    assert.deepEqual(JSON.parse(Buffer.from(payload, 'base64url').toString()), { iat: 1_795_829_444 })
    const expected = createHmac('sha256', secret).update(`${head}.${payload}`).digest('base64url')
    assert.equal(signature, expected)
  }
})

test('a token is to the letter what another implementation makes', () => {
  const token =
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTU4Mjk0NDR9.dq0ykaBqEQ-jELyok3-qrXtZAON51wbRP55OEs1fDN4'
  assert.equal(
    jsonWebToken(
      Uint8Array.from({ length: 32 }, (_, i) => i),
      1_795_829_444,
    ),
    token,
  )
})
