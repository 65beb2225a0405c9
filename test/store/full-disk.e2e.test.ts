import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountSmallDisk, smallDisksMissing } from '#test/fire/small-disk.ts'

const skip = smallDisksMissing()

test('a transaction of 30,000 rows on a disk without room for it is given up, and the store goes on', {
  skip,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'drover-full-'))
  const disk = mountSmallDisk(join(directory, 'small'), 40)
  try {
    const entry = new URL('./filling-process.ts', import.meta.url).pathname
    const child = spawnSync(process.execPath, [entry, join(directory, 'small', 'store')], {
      encoding: 'utf8',
    })
    assert.equal(child.signal, null, child.stderr)
    assert.deepEqual(JSON.parse(child.stdout), {
      outcome: 'store/disk-low',
      before: 1,
      after: 2,
      storage: false,
    })
  } finally {
    disk.unmount()
    rmSync(directory, { recursive: true })
  }
})
