/** The config file: JSON, flag names to values, the same for every command (a command takes what it knows). */
import { readFileSync } from 'node:fs'
import { Fault, messageOf } from '#kernel/fault.ts'

/** Takes `--config FILE` out of the arguments, or DROVER_CONFIG, and reads it. @throws Fault options/config-file */
export function readConfigFile(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { readonly args: readonly string[]; readonly file?: Readonly<Record<string, unknown>> } {
  const own = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)
  const at = own.findIndex((word) => word === '--config' || word.startsWith('--config='))
  const inline = args[at]?.startsWith('--config=') ? args[at].slice('--config='.length) : undefined
  const path = at >= 0 ? (inline ?? args[at + 1]) : environment['DROVER_CONFIG']
  const rest = at < 0 ? args : args.toSpliced(at, inline === undefined ? 2 : 1)
  if (path === undefined) {
    if (at >= 0) throw new Fault('options/config-file', '--config needs the path of a JSON file')
    return { args: rest }
  }
  return { args: rest, file: parse(path) }
}

function parse(path: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (thrown) {
    throw new Fault(
      'options/config-file',
      `the config file ${path} cannot be read as JSON: ${messageOf(thrown)}`,
      {},
      { cause: thrown },
    )
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Fault(
      'options/config-file',
      `the config file ${path} must hold one JSON object: flag names and values`,
    )
  }
  return parsed as Record<string, unknown>
}
