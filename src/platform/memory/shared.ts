/** What one thread reads of the process's memory, for all of its threads: the others look at numbers instead of files. */
import { assert } from '#kernel/assert.ts'
import type { MemoryUse } from '#ports/memory.ts'
import type { ProcessMemory } from './memory.ts'

const SOURCES: readonly MemoryUse['source'][] = ['cgroup v2', 'cgroup v1', 'system', 'option', 'process']
/** An operator's own limit, and the kernel's. */
const USES_MAX = 2
/** Source (from 1; 0: none), used and limit of each. */
const NUMBERS = 3

export const SHARED_MEMORY_BYTES = USES_MAX * NUMBERS * 8

/** Writes what is read now. */
export function shareMemory(memory: ProcessMemory, buffer: SharedArrayBuffer): void {
  const numbers = new Float64Array(buffer)
  const uses = memory.read()
  assert(uses.length <= USES_MAX, 'a process has two limits at most')
  for (let i = 0; i < USES_MAX; i++) {
    const use = uses[i]
    const row =
      use === undefined ? [0, 0, 0] : [SOURCES.indexOf(use.source) + 1, use.usedBytes, use.limitBytes]
    numbers.set(row, i * NUMBERS)
  }
}

/** As last written. Aligned numbers of 8 bytes are never half of one write and half of another. */
export function readShared(buffer: SharedArrayBuffer): readonly MemoryUse[] {
  const numbers = new Float64Array(buffer)
  const uses: MemoryUse[] = []
  for (let at = 0; at < numbers.length; at += NUMBERS) {
    const source = SOURCES[(numbers[at] as number) - 1]
    if (source !== undefined)
      uses.push({ source, usedBytes: numbers[at + 1] as number, limitBytes: numbers[at + 2] as number })
  }
  return uses
}
