/**
 * Keeps a foreign program as long as somebody wants it: started as a child with an IPC channel, it starts the given command, and ends
 * it when the channel closes, however that happened (a SIGKILL of the parent included). So nothing is left behind.
 */
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'

const [logFile = '', command = '', ...args] = process.argv.slice(2)
const log = openSync(logFile, 'a')
const kept = spawn(command, args, { stdio: ['ignore', log, log] })

/** How long the program may take to end by itself. */
const PATIENCE_MS = 5_000

kept.on('exit', (code) => process.exit(code ?? 1))
kept.on('error', (error) => {
  console.error(`${command} does not start: ${error.message}`)
  process.exit(1)
})
const end = (): void => {
  kept.kill('SIGINT')
  setTimeout(() => kept.kill('SIGKILL'), PATIENCE_MS).unref()
}
process.on('disconnect', end)
process.on('SIGTERM', end)
process.on('SIGINT', end)
