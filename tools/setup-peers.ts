/**
 * `npm run setup:peers`: fetches the real programs that tests run against, from package registries alone, into .peers/ (not
 * committed). Does nothing where they are there already.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The newest that builds from the module proxy. */
const GETH = 'github.com/ethereum/go-ethereum/cmd/geth@v1.17.8'

const bin = resolve('.peers/bin')
mkdirSync(bin, { recursive: true })

if (existsSync(join(bin, 'geth'))) console.log('geth is there')
else {
  console.log(`building ${GETH} (about two minutes)`)
  const { status, error } = spawnSync('go', ['install', GETH], {
    stdio: 'inherit',
    env: { ...process.env, GOBIN: bin },
  })
  if (error !== undefined) {
    console.error(
      'geth was not built: `go` is not on the PATH. Install Go 1.24 or newer; tests that need geth are skipped until then.',
    )
    process.exitCode = 1
  } else if (status !== 0) process.exitCode = status ?? 1
}
