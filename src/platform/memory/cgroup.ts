/**
 * Memory limits of the control groups that this process is in: the second version, or the first, or neither. Every group up to the root
 * is looked at, because any of them may be the tight one. Of what is used, file pages do not count: the kernel takes them back before it
 * kills, except those that are still to be written.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { MemoryUse } from '#ports/memory.ts'

type Group = () => MemoryUse | undefined

/**
 * The groups with a limit, tightest not first; found once, read often.
 * @param root `/` but in tests
 */
export function findGroups(root: string): readonly Group[] {
  const lines = (text(join(root, 'proc/self/cgroup')) ?? '').split('\n')
  const second = lines.find((line) => line.startsWith('0::'))?.slice(3)
  const first = lines.find((line) => line.split(':')[1]?.split(',').includes('memory'))?.split(':')[2]
  const groups = [
    ...(second === undefined ? [] : chain(join(root, 'sys/fs/cgroup'), second, 'memory.max').map(version2)),
    ...(first === undefined
      ? []
      : chain(join(root, 'sys/fs/cgroup/memory'), first, 'memory.limit_in_bytes').map(version1)),
  ]
  return groups
}

/** From the process's own group to the mount's root: where the path is that of another namespace, only the root is there. */
function chain(mount: string, path: string, limitFile: string): string[] {
  const out: string[] = []
  for (let dir = join(mount, path); ; dir = dirname(dir)) {
    if (existsSync(join(dir, limitFile))) out.push(dir)
    if (dir === mount || dir.length <= mount.length) return out
  }
}

function version2(dir: string): Group {
  return () => {
    const limitBytes = number(text(join(dir, 'memory.max')))
    const usedBytes = number(text(join(dir, 'memory.current')))
    if (limitBytes === undefined || usedBytes === undefined) return undefined // "max", or gone
    const stat = fields(text(join(dir, 'memory.stat')))
    const free = stat('active_file') + stat('inactive_file') + stat('slab_reclaimable')
    const unwritten = stat('file_dirty') + stat('file_writeback')
    return { source: 'cgroup v2', limitBytes, usedBytes: held(usedBytes, free, unwritten) }
  }
}

/** What is no limit is said as the largest number of pages. */
const UNLIMITED_BYTES = 2 ** 62

function version1(dir: string): Group {
  return () => {
    const limitBytes = number(text(join(dir, 'memory.limit_in_bytes')))
    const usedBytes = number(text(join(dir, 'memory.usage_in_bytes')))
    if (limitBytes === undefined || usedBytes === undefined || limitBytes > UNLIMITED_BYTES) return undefined
    const stat = fields(text(join(dir, 'memory.stat')))
    const free = stat('total_active_file') + stat('total_inactive_file')
    const unwritten = stat('total_dirty') + stat('total_writeback')
    return { source: 'cgroup v1', limitBytes, usedBytes: held(usedBytes, free, unwritten) }
  }
}

function held(usedBytes: number, freeBytes: number, unwrittenBytes: number): number {
  return Math.max(0, usedBytes - Math.max(0, freeBytes - unwrittenBytes))
}

/** The number behind a name in lines of `name number`; 0 where the kernel does not say. */
export function fields(lines: string | undefined): (name: string) => number {
  const found = new Map((lines ?? '').split('\n').map((line) => line.split(/[:\s]+/, 2) as [string, string]))
  return (name) => number(found.get(name)) ?? 0
}

function number(written: string | undefined): number | undefined {
  const trimmed = written?.trim() ?? ''
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined
}

/** Undefined where it cannot be read: not there, or not any more. */
export function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
