/** Spoils parameters in one place or two, in the ways that clients get them wrong. */
import type { Prng } from '#kernel/prng.ts'
import { Fields, Raw } from './json-text.ts'

const JUNK: readonly unknown[] = [null, true, false, 0, 1, -1, 5, 1.5, new Raw('1e3'), new Raw('123456789012345678901234567890'), '', '0x', '0x0', '0x1', '0x00', '0x01', '0X1', '0xg', 'x', '1', 'latest', 'Latest', 'latest ', '\u00e9', '<>&', '"', {}, [], [[]], [null], { a: 1 }, '0xffffffffffffffff', '0x10000000000000000', `0x${'f'.repeat(64)}`, `0x1${'0'.repeat(64)}`, `0x${'0'.repeat(64)}`, `0x${'0'.repeat(40)}`, `0x${'zz'.repeat(20)}`, `0x${'zz'.repeat(32)}`] // biome-ignore format: one table

export function spoilt(params: readonly unknown[], prng: Prng): unknown {
  const drawn = prng.unit()
  if (drawn < 0.03) return prng.pick([undefined, null, {}, 'x', 5, new Fields([['a', 1]])])
  if (drawn < 0.1) return [...params, prng.pick(JUNK)]
  if (drawn < 0.2) return params.slice(0, Math.max(params.length - 1, 0))
  if (params.length === 0) return [prng.pick(JUNK)]
  let out: unknown = params
  for (let n = prng.between(1, 2); n > 0; n--) out = spoil(out, prng, 0)
  return out
}

/** At a random depth: whole, or one of its parts. */
function spoil(value: unknown, prng: Prng, depth: number): unknown {
  const inside = depth === 0 || prng.chance(0.75)
  if (Array.isArray(value) && value.length > 0 && inside) {
    const at = prng.between(0, value.length - 1)
    return value.map((each: unknown, i) => (i === at ? spoil(each, prng, depth + 1) : each))
  }
  if (value instanceof Fields && value.entries.length > 0 && inside) return spoiltFields(value, prng, depth)
  if (value instanceof Fields && prng.chance(0.3))
    return new Fields([
      ...value.entries,
      [prng.pick(['', 'x', '0x', 'blockHash', 'from', `0x${'0'.repeat(40)}`]), prng.pick(JUNK)],
    ])
  return typeof value === 'string' && prng.chance(0.6) ? spoiltText(value, prng) : prng.pick(JUNK)
}

function spoiltFields({ entries }: Fields, prng: Prng, depth: number): Fields {
  const at = prng.between(0, entries.length - 1)
  const [key, value] = entries[at] as readonly [string, unknown]
  const drawn = prng.unit()
  const changed = (entry: readonly [string, unknown]): Fields =>
    new Fields(entries.map((each, i) => (i === at ? entry : each)))
  if (drawn < 0.1)
    return changed([prng.pick([key.toUpperCase(), key.toLowerCase(), spoiltText(key, prng)]), value])
  if (drawn < 0.15)
    return new Fields([
      ...entries,
      [prng.pick([key, key.toUpperCase()]), prng.chance(0.5) ? value : prng.pick(JUNK)],
    ])
  if (drawn < 0.2) return new Fields(entries.filter((_, i) => i !== at))
  if (drawn < 0.25) return new Fields(entries.toReversed())
  return changed([key, spoil(value, prng, depth + 1)])
}

function spoiltText(text: string, prng: Prng): string {
  const at = prng.between(0, text.length)
  return prng.pick([
    () => text.slice(0, -1),
    () => text.slice(0, -2),
    () => `${text}0`,
    () => `${text}00`,
    () => text.slice(2),
    () => text.toUpperCase(),
    () => text.replace('x', 'X'),
    () => `${text} `,
    () => ` ${text}`,
    () => text.replace('0x', '0x0'),
    () => text.replace('0x', '0x00'),
    () => text.replace('0x', ''),
    () => `${text.slice(0, at)}g${text.slice(at + 1)}`,
    () => `${text.slice(0, at)}\u00e9${text.slice(at + 1)}`,
    () => `${text.slice(0, at)}"${text.slice(at + 1)}`,
    () => text.slice(0, at),
  ])()
}
