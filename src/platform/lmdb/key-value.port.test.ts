import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { keyValueContract } from '#ports/storage/key-value.contract.ts'
import { openLmdb } from './key-value.ts'

const directory = mkdtempSync(join(tmpdir(), 'drover-lmdb-'))
after(() => rmSync(directory, { recursive: true }))

let opened = 0
for (const durable of [false, true]) {
  keyValueContract({
    name: durable ? 'durable lmdb' : 'lmdb',
    open: () => openLmdb({ path: join(directory, String(opened++)), mode: 'writer', durable }),
    numRuns: 20,
  })
}
