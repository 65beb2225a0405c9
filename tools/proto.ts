/**
 * `npm run build:proto`: generates src/wire/gen/ from proto/ with buf and protoc-gen-es, offline. With --check it changes nothing and
 * fails where the committed files are not what the sources give.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const OUT = 'src/wire/gen'

function generate(out: string): void {
  const template = {
    version: 'v2',
    plugins: [
      {
        local: resolve('node_modules/.bin/protoc-gen-es'),
        out,
        opt: ['target=js+dts', 'import_extension=js'],
      },
    ],
  }
  const { status, stderr } = spawnSync('buf', ['generate', 'proto', '--template', JSON.stringify(template)], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`buf generate failed: ${stderr}`)
}

function contents(dir: string): Map<string, string> {
  return new Map(
    globSync('**/*.{js,ts}', { cwd: dir }).map((file) => [file, readFileSync(join(dir, file), 'utf8')]),
  )
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'drover-proto-'))
  try {
    generate(fresh)
    const want = contents(fresh)
    const have = contents(OUT)
    const stale = [...new Set([...want.keys(), ...have.keys()])].filter(
      (file) => want.get(file) !== have.get(file),
    )
    for (const file of stale)
      console.error(`${join(OUT, file)} is not what proto/ gives: run npm run build:proto`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
} else generate(OUT)
