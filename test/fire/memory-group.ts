/** A memory cgroup of our own, of the version that this machine has. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '#kernel/fault.ts'

export interface MemoryGroup {
  /** A process that writes its id here is in the group. */
  readonly procs: string
  /** Processes that the kernel killed for want of memory. */
  kills(): number
  highestBytes(): number
  remove(): void
}

const V1 = '/sys/fs/cgroup/memory'
const V2 = '/sys/fs/cgroup'

/** Why there can be none here; undefined where there can. */
export function groupsMissing(): string | undefined {
  try {
    openMemoryGroup('probe', 64 * 1024 * 1024).remove()
    return undefined
  } catch (thrown) {
    return `no memory cgroup can be made: ${messageOf(thrown)}`
  }
}

export function openMemoryGroup(name: string, bytes: number): MemoryGroup {
  const second = existsSync(join(V2, 'cgroup.controllers'))
  const dir = join(second ? V2 : V1, `drover-fire-${process.pid}-${name}`)
  if (second && !readFileSync(join(V2, 'cgroup.subtree_control'), 'utf8').includes('memory'))
    writeFileSync(join(V2, 'cgroup.subtree_control'), '+memory')
  mkdirSync(dir)
  writeFileSync(join(dir, second ? 'memory.max' : 'memory.limit_in_bytes'), String(bytes))
  const swap = join(dir, second ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes')
  if (existsSync(swap)) writeFileSync(swap, second ? '0' : String(bytes))
  return {
    procs: join(dir, 'cgroup.procs'),
    kills() {
      const text = readFileSync(join(dir, second ? 'memory.events' : 'memory.oom_control'), 'utf8')
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
    },
    highestBytes: () =>
      Number(readFileSync(join(dir, second ? 'memory.peak' : 'memory.max_usage_in_bytes'), 'utf8')),
    remove: () => rmdirSync(dir),
  }
}
