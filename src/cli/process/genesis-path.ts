/** Reads the genesis file that a command was given. */
import { readFileSync } from 'node:fs'
import type { Genesis } from '#chain/genesis.ts'
import { parseGenesis } from '#chain/genesis-file.ts'
import { Fault, messageOf } from '#kernel/fault.ts'

/** @throws Fault options/genesis, chain/genesis, chain/unsupported-rules */
export function readGenesis(path: string): Genesis {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new Fault(
      'options/genesis',
      `the genesis file ${path} cannot be read: ${messageOf(cause)}`,
      { path },
      { cause },
    )
  }
  if (text.trim() === '')
    throw new Fault(
      'options/genesis',
      `the genesis file ${path} is empty: give the chain's genesis.json in geth's format`,
      { path },
    )
  try {
    return parseGenesis(text)
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause
    throw new Fault(cause.code, `${path}: ${cause.message}`, { ...cause.detail, path }, { cause })
  }
}
