import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createHeapMemory, createProcessMemory } from './memory.ts'
import { readShared, SHARED_MEMORY_BYTES, shareMemory } from './shared.ts'

/** A root folder with these files. */
function system(t: TestContext, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'drover-memory-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}
const read = (root: string, maxBytes?: number) => createProcessMemory({ maxBytes }, root).read()

const MEMINFO = 'MemTotal:       1000000 kB\nMemFree:  1 kB\nMemAvailable:    400000 kB\n'
const V2 = {
  'proc/meminfo': MEMINFO,
  'proc/self/cgroup': '0::/app/replica\n',
  'sys/fs/cgroup/app/replica/memory.max': '536870912\n',
  'sys/fs/cgroup/app/replica/memory.current': '500000000\n',
  'sys/fs/cgroup/app/replica/memory.stat':
    'anon 90000000\nactive_file 100000000\ninactive_file 200000000\nfile_dirty 7000000\nfile_writeback 3000000\nslab_reclaimable 1000000\n',
}

test('of a control group (v2) what counts is used without the file pages that are written', (t) => {
  assert.deepEqual(read(system(t, V2)), [
    { source: 'cgroup v2', limitBytes: 536_870_912, usedBytes: 500_000_000 - 301_000_000 + 10_000_000 },
  ])
})

test('the tightest of a group and those above it counts', (t) => {
  const root = system(t, {
    ...V2,
    'sys/fs/cgroup/app/memory.max': '600000000\n',
    'sys/fs/cgroup/app/memory.current': '590000000\n',
  })
  assert.deepEqual(read(root), [{ source: 'cgroup v2', limitBytes: 600_000_000, usedBytes: 590_000_000 }])
})

test('a group without a limit is none: then the system counts', (t) => {
  const root = system(t, { ...V2, 'sys/fs/cgroup/app/replica/memory.max': 'max\n' })
  const expected = [{ source: 'system', limitBytes: 1_024_000_000, usedBytes: 614_400_000 }]
  assert.deepEqual(read(root), expected)
  assert.deepEqual(read(system(t, { 'proc/meminfo': MEMINFO })), expected)
})

test('a control group of the first version is read where the second has no memory', (t) => {
  const files = {
    'proc/meminfo': MEMINFO,
    'proc/self/cgroup': '9:name=systemd:/\n4:memory:/app\n0::/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '900000000\n',
    'sys/fs/cgroup/memory/app/memory.limit_in_bytes': '268435456\n',
    'sys/fs/cgroup/memory/app/memory.usage_in_bytes': '200000000\n',
    'sys/fs/cgroup/memory/app/memory.stat':
      'active_file 1\ntotal_active_file 10000000\ntotal_inactive_file 20000000\ntotal_dirty 5000000\ntotal_writeback 0\n',
  }
  const expected = [{ source: 'cgroup v1', limitBytes: 268_435_456, usedBytes: 175_000_000 }]
  assert.deepEqual(read(system(t, files)), expected)
  // In a container the path is the host's, and the container's own group is mounted as the root.
  const inside = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path.replace('memory/app/', 'memory/'), text]),
  )
  assert.deepEqual(read(system(t, inside)), expected)
})

test("an operator's own limit counts beside the system's, without pages of files", (t) => {
  const root = system(t, {
    'proc/meminfo': MEMINFO,
    'proc/self/status':
      'VmRSS:	90000 kB\nRssAnon:	   50000 kB\nRssFile:	   30000 kB\nRssShmem:	   10000 kB\n',
  })
  assert.deepEqual(read(root, 100_000_000)[0], {
    source: 'option',
    limitBytes: 100_000_000,
    usedBytes: 61_440_000,
  })
})

test('where the system tells nothing the process itself counts', (t) => {
  const [use] = read(system(t, {}))
  assert.equal(use?.source, 'process')
  assert.ok(use && use.usedBytes > 1_000_000 && use.limitBytes > use.usedBytes)
})

test('a heap stands under its own limit, and garbage is given back', () => {
  const memory = createHeapMemory()
  const heap = (): number => memory.read()[0]?.usedBytes ?? 0
  let held: unknown[] | undefined = Array.from({ length: 400_000 }, (_, i) => ({ i }))
  const full = heap()
  assert.ok(full < (memory.read()[0]?.limitBytes ?? 0))
  assert.equal(held.length, 400_000)
  held = undefined
  memory.reclaim()
  assert.ok(heap() < full - 4_000_000, `${heap()} after ${full}`)
})

test('threads that collect at the same time do not take it from each other', async () => {
  const code = `import(${JSON.stringify(join(import.meta.dirname, 'memory.ts'))}).then((memory) => memory.collectGarbage())`
  const ends = Array.from({ length: 12 }, () => once(new Worker(code, { eval: true }), 'exit'))
  assert.deepEqual(await Promise.all(ends), new Array(12).fill([0]))
})

test('what one thread reads the others see', () => {
  const buffer = new SharedArrayBuffer(SHARED_MEMORY_BYTES)
  assert.deepEqual(readShared(buffer), [])
  const uses = [
    { source: 'option', usedBytes: 1, limitBytes: 2 ** 40 },
    { source: 'cgroup v1', usedBytes: 3, limitBytes: 4 },
  ] as const
  shareMemory({ read: () => uses }, buffer)
  assert.deepEqual(readShared(buffer), uses)
  shareMemory({ read: () => uses.slice(1) }, buffer)
  assert.deepEqual(readShared(buffer), uses.slice(1))
})
