/** The Memory port: of the whole process under cgroup or system, and of one thread's heap under V8's limit. */
import { join } from 'node:path'
import { totalmem } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Memory, MemoryUse } from '#ports/memory.ts'
import { fields, findGroups, text } from './cgroup.ts'

/** Garbage is a thread's. */
export type ProcessMemory = Pick<Memory, 'read'>

/**
 * What the kernel counts for this process: its control groups, where one has a limit; else the whole system.
 * @param options.maxBytes a limit of the operator's own, beside those
 * @param root `/` but in tests
 */
export function createProcessMemory(
  options: { readonly maxBytes: number | undefined },
  root = '/',
): ProcessMemory {
  const groups = findGroups(root)
  return {
    read() {
      const own: MemoryUse[] =
        options.maxBytes === undefined
          ? []
          : [{ source: 'option', usedBytes: processBytes(root), limitBytes: options.maxBytes }]
      const grouped = groups.map((group) => group()).filter((use) => use !== undefined)
      // Several groups of one kind: the tight one is the one that matters.
      const tight = grouped.toSorted((a, b) => a.limitBytes - a.usedBytes - (b.limitBytes - b.usedBytes))
      return [...own, ...(tight[0] === undefined ? [systemUse(root)] : [tight[0]])]
    },
  }
}

/** Of this thread: V8 ends the process when one thread's heap has reached its limit. */
export function createHeapMemory(): Memory {
  return {
    read() {
      const { used_heap_size, heap_size_limit } = getHeapStatistics()
      return [{ source: 'heap', usedBytes: used_heap_size, limitBytes: heap_size_limit }]
    },
    reclaim: collectGarbage,
  }
}

/** Of this thread and of the process that it is in. */
export function joinMemories(heap: Memory, process: ProcessMemory): Memory {
  return { read: () => [...process.read(), ...heap.read()], reclaim: () => heap.reclaim() }
}

function systemUse(root: string): MemoryUse {
  const kilobytes = fields(text(join(root, 'proc/meminfo')))
  const limitBytes = kilobytes('MemTotal') * 1_024
  return limitBytes === 0
    ? { source: 'process', usedBytes: process.memoryUsage.rss(), limitBytes: totalmem() }
    : { source: 'system', usedBytes: limitBytes - kilobytes('MemAvailable') * 1_024, limitBytes }
}

/** Without pages of files, where the system tells them apart. */
function processBytes(root: string): number {
  const kilobytes = fields(text(join(root, 'proc/self/status')))
  const bytes = (kilobytes('RssAnon') + kilobytes('RssShmem')) * 1_024
  return bytes === 0 ? process.memoryUsage.rss() : bytes
}

let collect: (() => void) | undefined

/** Of this thread. Bodies and answers lie outside of V8's heap, so V8 sees no reason to collect them before memory is gone. */
export function collectGarbage(): void {
  if (collect === undefined) {
    // Of all threads, and for good: another one may be between this line and the next.
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
