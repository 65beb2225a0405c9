/**
 * The committed WebAssembly module and what it was built from: `evm-core/manifest.json` records the compiler, the hash of the sources and
 * the sha256 of the module. `npm run check` recomputes both hashes; `npm run build:core` rebuilds the module and writes the manifest.
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const CRATE = join(import.meta.dirname, '..', 'evm-core')

interface Manifest {
  readonly compiler: string
  readonly sourcesSha256: string
  readonly moduleSha256: string
}

function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function sourcesSha256(): string {
  const files = ['Cargo.lock', 'Cargo.toml', 'build.sh', ...globSync('src/*.rs', { cwd: CRATE })].sort()
  return sha256(...files.flatMap((file) => [`${file}\n`, readFileSync(join(CRATE, file))]))
}

function moduleSha256(): string {
  return sha256(readFileSync(join(CRATE, 'drover_evm.wasm')))
}

/** What does not fit; empty when the module is the one that was built from these sources. */
export function checkCoreHashes(): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(CRATE, 'manifest.json'), 'utf8')) as Manifest
  return [
    ...(manifest.sourcesSha256 === sourcesSha256()
      ? []
      : ['evm-core/ has changed since its module was built: run npm run build:core']),
    ...(manifest.moduleSha256 === moduleSha256()
      ? []
      : ['evm-core/drover_evm.wasm is not the module of its manifest']),
  ]
}

if (import.meta.main && process.argv[2] === '--write') {
  const manifest: Manifest = {
    compiler: process.argv[3] ?? 'unknown',
    sourcesSha256: sourcesSha256(),
    moduleSha256: moduleSha256(),
  }
  writeFileSync(join(CRATE, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
