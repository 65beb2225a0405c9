/** `npm run check`: everything that can be said about the tree without running it, side by side, each with its own verdict. */
import { spawn } from 'node:child_process'
import { checkCoreHashes } from './core-hashes.ts'
import { checkGeneratedDocs } from './docs.ts'
import { checkFolderSizes } from './folder-sizes.ts'

interface Verdict {
  readonly name: string
  readonly ok: boolean
  readonly output: string
  readonly seconds: number
}

const run = (name: string, command: string, args: readonly string[]): Promise<Verdict> => {
  const started = performance.now()
  const { promise, resolve } = Promise.withResolvers<Verdict>()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()))
  child.on('error', (error) => (output += error.message))
  child.on('close', (code) =>
    resolve({ name, ok: code === 0, output, seconds: (performance.now() - started) / 1_000 }),
  )
  return promise
}

const said = async (name: string, check: () => Promise<readonly string[]>): Promise<Verdict> => {
  const started = performance.now()
  const problems = await check()
  const seconds = (performance.now() - started) / 1_000
  return { name, ok: problems.length === 0, output: problems.join('\n'), seconds }
}

const verdicts = await Promise.all([
  run('format', 'biome', ['format', 'src', 'test', 'tools', 'oxlint.config.ts']),
  run('lint, import direction, cycles', 'oxlint', ['--type-aware']),
  run('types', 'tsc', ['-p', 'tsconfig.json']),
  run('purity', 'tsc', ['-p', 'tsconfig.pure.json']),
  run('dead code', 'knip', []),
  run('proto drift', process.execPath, ['tools/proto.ts', '--check']),
  run('deploy drift', process.execPath, ['tools/deploy.ts', '--check']),
  said('core hashes', async () => checkCoreHashes()),
  said('docs drift', checkGeneratedDocs),
  said('folder sizes', async () => checkFolderSizes()),
])

for (const { name, ok, output, seconds } of verdicts) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds.toFixed(1)} s)`)
  if (!ok) console.log(output.trimEnd().replaceAll(/^/gm, '     '))
}
process.exitCode = verdicts.every((verdict) => verdict.ok) ? 0 : 1
