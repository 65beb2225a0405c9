/** What a test needs beyond the packages: present, or the test says what is missing and how to get it. */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const require = createRequire(import.meta.url)

export const SHARED = join(root, '..', 'shared')
export const KAFKA_LIBS = join(root, '.peers', 'kafka')
export const GETH = process.env['GETH'] ?? join(root, '.peers', 'bin', 'geth')

/** The anvil that came with the packages, or undefined on other platforms. */
export function anvilPath(): string | undefined {
  try {
    const home = dirname(require.resolve(`@foundry-rs/anvil-linux-amd64/package.json`))
    const found = readdirSync(join(home, 'bin')).find((name) => name.startsWith('anvil'))
    return found === undefined ? undefined : join(home, 'bin', found)
  } catch {
    return undefined
  }
}

const there: Record<Need, () => boolean> = {
  shared: () => existsSync(join(SHARED, 'conformance')),
  geth: () => existsSync(GETH),
  anvil: () => anvilPath() !== undefined,
  kafka: () => existsSync(join(KAFKA_LIBS, '.done')),
}
const remedy: Record<Need, string> = {
  shared: 'the folder ../shared is not beside the project',
  geth: 'geth is not set up: npm run setup:peers',
  anvil: 'anvil has no package for this platform',
  kafka: 'Kafka is not set up: npm run setup:peers',
}

export type Need = 'shared' | 'geth' | 'anvil' | 'kafka'

/** Options for node:test: skips with a clear line, unless DROVER_TEST_REQUIRE names the need. */
export function needs(...wanted: readonly Need[]): { skip?: string } {
  const required = (process.env['DROVER_TEST_REQUIRE'] ?? '').split(',')
  const missing = wanted.filter((need) => !there[need]())
  const must = missing.filter((need) => required.includes(need))
  if (must.length > 0) throw new Error(must.map((need) => remedy[need]).join('; '))
  return missing.length > 0 ? { skip: missing.map((need) => remedy[need]).join('; ') } : {}
}
