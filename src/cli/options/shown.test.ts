import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { quantity, shownValue, withoutSecrets } from './shown.ts'

test('a secret is not shown, and of an address only where it leads', () => {
  const secret = { flag: 'forward-secret', type: 'text', secret: 'value', help: '' } as const
  const masters = { flag: 'masters', type: 'list', secret: 'url', help: '' } as const
  assert.equal(shownValue(secret, 'tell nobody'), '••••')
  assert.equal(shownValue(secret, undefined), '')
  assert.equal(
    shownValue(masters, ['https://me:pass@node.example:8546/v3/KEY', 'http://127.0.0.1:8640/']),
    'https://••••@node.example:8546/••••,http://127.0.0.1:8640/',
  )
})

test('no user, password, path or query of an address survives', () => {
  const part = fc.stringMatching(/^SECRET[A-Za-z0-9._~-]{0,12}$/)
  fc.assert(
    fc.property(part, part, fc.option(part), fc.option(part), (user, password, path, query) => {
      const url = `wss://${user}:${password}@host:1/${path ?? ''}${query === null ? '' : `?key=${query}`}`
      const shown = withoutSecrets(url)
      assert.ok(shown.startsWith('wss://'))
      assert.ok(shown.includes('host:1'))
      assert.ok(!shown.includes('SECRET'), shown)
    }),
  )
})

test('quantities are exact, in the largest unit that leaves no fraction', () => {
  const cases = [
    [5 * 1024 * 1024, 'bytes', '5 MiB'],
    [8_000_000, 'bytes', '8,000,000 B'],
    [1_500, 'ms', '1500ms'],
    [65_000, 'ms', '65s'],
    [1_800_000, 'ms', '30m'],
    [1_024, 'requests', '1,024 requests'],
  ] as const
  for (const [value, unit, text] of cases) assert.equal(quantity(value, unit), text)
})
