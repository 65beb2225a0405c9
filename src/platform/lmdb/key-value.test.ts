import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { utf8 } from '#kernel/bytes.ts'
import { faultCode } from '#kernel/fault.ts'
import { discardStore, markWriting } from './clean-mark.ts'
import { openLmdb } from './key-value.ts'
import { openReserve } from './reserve.ts'

const directory = mkdtempSync(join(tmpdir(), 'drover-lmdb-'))
after(() => rmSync(directory, { recursive: true }))

const code = (open: () => unknown): string | undefined => {
  try {
    open()
    return 'opened'
  } catch (thrown) {
    return faultCode(thrown) ?? String(thrown)
  }
}

test('a path that is a file is refused by name', () => {
  const path = join(directory, 'file')
  writeFileSync(path, 'not a store')
  assert.equal(
    code(() => openLmdb({ path, mode: 'writer', durable: false })),
    'store/not-a-directory',
  )
  assert.equal(
    code(() => openLmdb({ path, mode: 'reader', durable: false })),
    'store/not-a-directory',
  )
  assert.equal(
    code(() => openLmdb({ path: join(path, 'below'), mode: 'writer', durable: false })),
    'store/not-a-directory',
  )
})

test('where the file is larger than what can be kept of it, or new, pages are read one by one', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux tells how a file is mapped')
  const path = join(directory, 'pages')
  /** Linux's VmFlags of the map of the file: rr says that it is read at random. */
  const isReadAtRandom = (): boolean => {
    const maps = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    const flags = maps.filter((map) => map.includes(join(path, 'data.mdb'))).map((map) => /\brr\b/.test(map))
    assert.ok(flags.length > 0 && new Set(flags).size === 1)
    return flags[0] as boolean
  }
  for (const [cacheBytes, isRandom] of [
    [1e9, true], // new
    [1e9, false],
    [4_096, true],
    [undefined, false],
  ] as const) {
    const kv = openLmdb({ path, mode: 'writer', durable: false, ...(cacheBytes && { cacheBytes }) })
    kv.write((tx) => tx.put('accounts', new Uint8Array(20), new Uint8Array(9)))
    assert.equal(isReadAtRandom(), isRandom, `${cacheBytes}`)
    await kv.close()
  }
})

test('a reader does not make a store that is not there', () => {
  const path = join(directory, 'nothing')
  assert.equal(
    code(() => openLmdb({ path, mode: 'reader', durable: false })),
    'store/absent',
  )
})

test('a file that LMDB cannot read is called damaged, and the lock on it is given back', () => {
  const path = join(directory, 'damaged')
  mkdirSync(path)
  writeFileSync(join(path, 'data.mdb'), new Uint8Array(16_384).fill(7))
  for (let i = 0; i < 2; i++) {
    assert.equal(
      code(() => openLmdb({ path, mode: 'writer', durable: false })),
      'store/damaged',
    )
  }
})

test('a second writer is refused while the first lives, and comes in after it', async () => {
  const path = join(directory, 'held')
  const first = openLmdb({ path, mode: 'writer', durable: false })
  assert.equal(
    code(() => openLmdb({ path, mode: 'writer', durable: false })),
    'store/held',
  )
  await first.close()
  await openLmdb({ path, mode: 'writer', durable: false }).close()
})

test("a dead writer's lock is taken over", async () => {
  const path = join(directory, 'dead')
  const child = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => child.on('exit', resolve))
  mkdirSync(path)
  writeFileSync(join(path, 'writer.lock'), JSON.stringify({ pid: child.pid, started: '1' }))
  await openLmdb({ path, mode: 'writer', durable: false }).close()
  // Our own pid, but a process that started at another time: a pid that was given out again.
  writeFileSync(join(path, 'writer.lock'), JSON.stringify({ pid: process.pid, started: '1' }))
  await openLmdb({ path, mode: 'writer', durable: false }).close()
})

test('rows are there after closing and opening again', async () => {
  const path = join(directory, 'again')
  for (const durable of [false, true]) {
    const written = openLmdb({ path, mode: 'writer', durable })
    written.write((tx) => tx.put('meta', utf8('a'), utf8(String(durable))))
    await written.close()
    const read = openLmdb({ path, mode: 'reader', durable })
    const tx = read.read()
    assert.deepEqual(Uint8Array.from(tx.get('meta', utf8('a')) ?? []), utf8(String(durable)))
    tx.release()
    assert.equal(read.maintain(), 0)
    await read.close()
  }
})

test('a transaction larger than the reserve damages nothing when the next reserve is made', async () => {
  const path = join(directory, 'large')
  const kv = openLmdb({ path, mode: 'writer', durable: false })
  const key = (i: number): Uint8Array => Uint8Array.of(i >>> 8, i)
  const rows = 10_000
  kv.write((tx) => tx.put('meta', utf8('a'), utf8('small')))
  kv.write((tx) => {
    for (let i = 0; i < rows; i++) tx.put('bodies', key(i), new Uint8Array(1_800).fill(i))
  })
  kv.write((tx) => tx.put('meta', utf8('a'), utf8('small again')))
  const tx = kv.read()
  for (let i = 0; i < rows; i++) assert.equal(tx.get('bodies', key(i))?.[1_799], i & 255)
  tx.release()
  await kv.close()
})

test('a store that was written when the machine went down is refused, until it is made anew', async () => {
  const path = join(directory, 'boot')
  const mark = join(path, 'writing-since-boot')
  const kv = openLmdb({ path, mode: 'writer', durable: false })
  kv.write((tx) => tx.put('meta', utf8('a'), utf8('b')))
  assert.notEqual(readFileSync(mark, 'utf8'), '')
  await kv.close()
  assert.equal(existsSync(mark), false)
  // As a machine that went down leaves it.
  writeFileSync(mark, 'another boot')
  for (const durable of [false, true])
    assert.equal(
      code(() => openLmdb({ path, mode: 'writer', durable })),
      'store/unclean',
    )
  discardStore(path)
  const again = openLmdb({ path, mode: 'writer', durable: false })
  const tx = again.read()
  assert.equal(tx.get('meta', utf8('a')), undefined)
  tx.release()
  await again.close()
})

test('a store whose writer was killed is opened again in the same boot', async () => {
  const path = join(directory, 'killed')
  await openLmdb({ path, mode: 'writer', durable: false }).close()
  markWriting(path)
  await openLmdb({ path, mode: 'writer', durable: false }).close()
})

test('a transaction that outgrows the reserve gives up before the disk is full, and all of it', async () => {
  const path = join(directory, 'outgrows')
  mkdirSync(path)
  const file = join(path, 'data')
  writeFileSync(file, '')
  let free = 100 << 20
  let looks = 0
  const reserve = openReserve(file, () => {
    looks++
    return (free -= 2 << 20)
  })
  reserve.ensure(0)
  const rows = (): void => {
    for (let row = 0; row < 30_000; row++) reserve.row()
  }
  assert.equal(code(rows), 'store/disk-low')
  assert.ok(looks > 30)
  free = Number.MAX_SAFE_INTEGER
  reserve.ensure(0)
  rows()
  reserve.close()
})

test('a full disk is a fault before the transaction, not the end of the process', () => {
  // /dev/full answers every write with ENOSPC, as a full disk does.
  const reserve = openReserve('/dev/full')
  assert.equal(
    code(() => reserve.ensure(4_096)),
    'store/disk-low',
  )
  reserve.close()
})
