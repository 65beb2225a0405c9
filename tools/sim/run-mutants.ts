/**
 * Applies one mutant after another to a copy of the tree and runs seeds there until one objects. A mutant that survives its seeds, or that is
 * caught by another promise than it should break, fails the run: then a checker is blind, or the mutant changes nothing.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mutant, mutants } from './mutants.ts'

const root = join(import.meta.dirname, '..', '..')
const COPIED = ['src', 'tools', 'package.json', 'evm-core/drover_evm.wasm']
const RUN_MS_MAX = 1_800_000

export interface Chosen {
  /** A part of a name; undefined for all of them. */
  readonly only: string | undefined
  /** So many are left out from the list's beginning: a long run is made in pieces. */
  readonly skip: number
}

interface Seeds {
  readonly from: number
  readonly seeds: number
}

/** Whether all were caught, and by what they should break. */
export async function runMutants(
  { only, skip }: Chosen,
  { jobs, ...seeds }: Seeds & { readonly jobs: number },
): Promise<boolean> {
  const chosen = mutants.filter(({ name }) => only === undefined || name.includes(only)).slice(skip)
  const waiting = [...chosen]
  let survivors = 0
  let isStopped = false
  process.once('SIGINT', () => (isStopped = true)).once('SIGTERM', () => (isStopped = true))
  const lane = async (): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-mutants-'))
    try {
      for (const path of COPIED) cpSync(join(root, path), join(folder, path), { recursive: true })
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
      for (let next = waiting.shift(); next !== undefined && !isStopped; next = waiting.shift()) {
        const verdict = await judge(next, folder, seeds)
        // A run that was interrupted says nothing of its mutant.
        if (isStopped) break
        console.log(verdict.line)
        if (!verdict.isCaught) survivors++
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, chosen.length) }, lane))
  console.log(`${chosen.length} mutants, ${survivors} not caught${isStopped ? ', stopped early' : ''}`)
  return survivors === 0 && !isStopped
}

interface Verdict {
  readonly isCaught: boolean
  readonly line: string
}

async function judge(mutant: Mutant, folder: string, { from, seeds }: Seeds): Promise<Verdict> {
  const file = join(folder, mutant.file)
  const whole = readFileSync(join(root, mutant.file), 'utf8')
  if (whole.split(mutant.find).length !== 2) {
    return {
      isCaught: false,
      line: `STALE     ${mutant.name}: its text is not once in ${mutant.file}`,
    }
  }
  writeFileSync(
    file,
    whole.replace(mutant.find, () => mutant.replace),
  )
  const startedMs = performance.now()
  const args = ['--from', String(from), '--seeds', String(seeds), '--scenario', mutant.scenario]
  const { stdout, stderr } = await run(folder, [...args, '--until-failure'])
  writeFileSync(file, whole)
  const [, promised, what = ''] = /VIOLATION {2}(\w+): (.*)/.exec(stdout) ?? []
  const seed = /seed (\d+) failed/.exec(stdout)?.[1]
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
  if (promised === undefined || seed === undefined) {
    const line = `SURVIVED  ${mutant.name} (${seeds} seeds of ${mutant.scenario}, ${seconds} s) ${stderr.slice(0, 300)}`
    return { isCaught: false, line }
  }
  const isCaught = mutant.caughtBy.includes(promised)
  const line = `${isCaught ? 'caught  ' : 'MISTAKEN'}  ${mutant.name}: ${promised} on seed ${seed} of ${mutant.scenario} (${seconds} s): ${what.slice(0, 140)}`
  return { isCaught, line }
}

/** What it printed, however it ended. */
function run(folder: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const { promise, resolve } = Promise.withResolvers<{ stdout: string; stderr: string }>()
  execFile(
    process.execPath,
    ['tools/sim.ts', ...args],
    { cwd: folder, timeout: RUN_MS_MAX, maxBuffer: 64 * 1024 * 1024 },
    (_failed, stdout, stderr) => resolve({ stdout, stderr }),
  )
  return promise
}
