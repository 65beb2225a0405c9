/** A subcommand of `drover`: its options as data, and what it does with them. */
import type { CommandHelp } from '#cli/options/help.ts'
import { type Parsed, parseOptions } from '#cli/options/parse.ts'
import { readConfigFile } from '#cli/process/config-file.ts'
import type { LimitTable } from '#kernel/limit.ts'
import type { OptionTable } from '#ports/options.ts'

export interface Command extends CommandHelp {
  /** @param everyFlag flags of all commands, so that one config file and environment serve all */
  run(args: readonly string[], everyFlag: readonly string[]): Promise<void>
}

export function defineCommand<const T extends OptionTable>(definition: {
  readonly name: string
  readonly summary: string
  readonly text: string
  readonly options: T
  readonly limits?: LimitTable
  run(parsed: Parsed<T>): Promise<void>
}): Command {
  return {
    ...definition,
    async run(args, everyFlag) {
      const { args: rest, file } = readConfigFile(args, process.env)
      const written = { args: rest, environment: process.env, ...(file === undefined ? {} : { file }) }
      await definition.run(parseOptions(definition.options, written, everyFlag))
    },
  }
}
