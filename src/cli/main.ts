/** `drover`: finds the command, runs it, and says in one clear line what went wrong. Exit codes: 0 done, 1 failed, 2 wrong options, 75 try again later. */
import { enableCompileCache } from 'node:module'
import { Fault, messageOf } from '#kernel/fault.ts'
import { commands } from './commands.ts'
import { renderHelp } from './options/help.ts'
import { nearest } from './options/nearest.ts'
import { endSoon } from './process/end.ts'

const NAME_WIDTH = 26

function overview(): string {
  const lines = commands.map(({ name, summary }) => `  ${`drover ${name}`.padEnd(NAME_WIDTH)}${summary}\n`)
  return `drover: read replicas for EVM nodes

${lines.join('')}
  drover COMMAND --help     options of a command
`
}

async function main(words: readonly string[]): Promise<void> {
  const command = commands.find(({ name }) => startsWith(words, name.split(' ')))
  if (command === undefined) {
    if (words.length === 0 || ['help', '--help', '-h'].includes(words[0] as string)) {
      process.stdout.write(overview())
      return
    }
    const close = nearest(
      words.join(' '),
      commands.map(({ name }) => name),
    )
    const hint = close === undefined ? '' : `; did you mean "drover ${close}"?`
    throw new Fault('options/unknown', `there is no command "${words[0]}"${hint} (drover --help lists them)`)
  }
  const args = words.slice(command.name.split(' ').length)
  const own = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)
  if (own.includes('--help') || own.includes('-h')) {
    process.stdout.write(renderHelp(command))
    return
  }
  await command.run(args, [
    ...new Set(commands.flatMap(({ options }) => Object.values(options).map((spec) => spec.flag))),
  ])
}

function startsWith(words: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((word, i) => words[i] === word)
}

function exitCodeOf({ code }: Fault): number {
  return code.startsWith('options/') ? 2 : code === 'maintain/refused' ? 75 : 1
}

enableCompileCache()
try {
  await main(process.argv.slice(2))
} catch (thrown) {
  const known = thrown instanceof Fault
  process.stderr.write(
    known
      ? `drover: ${thrown.message} [${thrown.code}]\n`
      : `drover: ${(thrown as Error).stack ?? messageOf(thrown)}\n`,
  )
  process.exitCode = known ? exitCodeOf(thrown) : 1
} finally {
  endSoon()
}
