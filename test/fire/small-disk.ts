/** Small file systems of our own, that can be filled and emptied again. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk {
  /** Takes all room that is left. */
  fill(): void
  empty(): void
  unmount(): void
}

const STEP_BYTES = 4_096

export function mountSmallDisk(dir: string, megabytes: number): SmallDisk {
  mkdirSync(dir, { recursive: true })
  run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir)
  const filler = join(dir, 'filler')
  return {
    fill() {
      const file = openSync(filler, 'a')
      const step = new Uint8Array(STEP_BYTES)
      try {
        while (writeSync(file, step) > 0);
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown
      } finally {
        closeSync(file)
      }
    },
    empty: () => rmSync(filler),
    unmount: () => run('umount', dir),
  }
}

/** Why there can be none here; undefined where there can. */
export function smallDisksMissing(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'drover-mount-'))
  try {
    mountSmallDisk(dir, 1).unmount()
    return undefined
  } catch (thrown) {
    return `no small file system can be mounted (${(thrown as Error).message.trim()})`
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Writes beyond so many bytes of a file fail from now on in that process; undefined: none does. @throws where there is no prlimit */
export function limitFileSize(pid: number, bytes: number | undefined): void {
  // The soft limit alone: only that can be raised again by anybody.
  run('prlimit', '--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:unlimited`)
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`)
}
