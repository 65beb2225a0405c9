/**
 * Applies one mutant after another to a copy of the tree and runs seeds there until one objects. A mutant that survives its seeds, or that is
 * caught by another promise than it should break, fails the run: then a checker is blind, or the mutant changes nothing.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mutant, mutants } from './mutants.ts'

const root = join(import.meta.dirname, '..', '..')
const COPIED = ['src', 'tools', 'package.json', 'evm-core/drover_evm.wasm']
const RUN_MS_MAX = 1_800_000

/** @param only a part of a name; undefined for all of them. Returns how many were not caught. */
export function runMutants(
  only: string | undefined,
  options: { readonly from: number; readonly seeds: number },
): number {
  const folder = mkdtempSync(join(tmpdir(), 'drover-mutants-'))
  try {
    for (const path of COPIED) cpSync(join(root, path), join(folder, path), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const chosen = mutants.filter(({ name }) => only === undefined || name.includes(only))
    const survivors = chosen.filter((mutant) => !isCaught(mutant, folder, options))
    console.log(`${chosen.length} mutants, ${survivors.length} not caught`)
    return survivors.length
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function isCaught(mutant: Mutant, folder: string, { from, seeds }: { from: number; seeds: number }): boolean {
  const file = join(folder, mutant.file)
  const whole = readFileSync(join(root, mutant.file), 'utf8')
  if (whole.split(mutant.find).length !== 2) {
    console.log(`STALE     ${mutant.name}: its text is not once in ${mutant.file}`)
    return false
  }
  writeFileSync(
    file,
    whole.replace(mutant.find, () => mutant.replace),
  )
  const startedMs = performance.now()
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      'tools/sim.ts',
      '--from',
      String(from),
      '--seeds',
      String(seeds),
      '--scenario',
      mutant.scenario,
      '--until-failure',
    ],
    { cwd: folder, encoding: 'utf8', timeout: RUN_MS_MAX, maxBuffer: 64 * 1024 * 1024 },
  )
  writeFileSync(file, whole)
  const [, promised, what = ''] = /VIOLATION {2}(\w+): (.*)/.exec(stdout) ?? []
  const seed = /seed (\d+) failed/.exec(stdout)?.[1]
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
  if (promised === undefined || seed === undefined) {
    console.log(
      `SURVIVED  ${mutant.name} (${seeds} seeds of ${mutant.scenario}, ${seconds} s) ${stderr.slice(0, 300)}`,
    )
    return false
  }
  const isExpected = mutant.caughtBy.includes(promised)
  console.log(
    `${isExpected ? 'caught  ' : 'MISTAKEN'}  ${mutant.name}: ${promised} on seed ${seed} of ${mutant.scenario} (${seconds} s): ${what.slice(0, 140)}`,
  )
  return isExpected
}
