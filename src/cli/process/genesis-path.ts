/** Reads the genesis file that a command was given. */
import { existsSync, readFileSync } from 'node:fs'
import type { Genesis } from '#chain/fork/genesis.ts'
import { parseGenesis } from '#chain/fork/genesis-file.ts'
import { PRESET_NAMES } from '#chain/fork/presets.ts'
import { Fault, messageOf } from '#kernel/fault.ts'

/** @throws Fault options/genesis, chain/genesis, chain/unsupported-rules */
export function readGenesis(path: string): Genesis {
  let text: string
  if (PRESET_NAMES.includes(path) && !existsSync(path))
    throw new Fault(
      'options/genesis',
      `${path} is a chain whose rules are known, but not a file with its first state: write one with geth --${path} dumpgenesis > ${path}.json`,
      { path },
    )
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
