/** Runs the simulation's command as a person does. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')

/** @throws with what was printed, where a seed failed */
export async function simulate(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['tools/sim.ts', ...args], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}
