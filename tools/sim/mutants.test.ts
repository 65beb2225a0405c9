import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { mutants } from './mutants.ts'

const root = join(import.meta.dirname, '..', '..')

test('the text that each mutant replaces stands once in its file', () => {
  const stale = mutants.filter(
    ({ file, find }) => readFileSync(join(root, file), 'utf8').split(find).length !== 2,
  )
  assert.deepEqual(
    stale.map(({ name }) => name),
    [],
  )
})
