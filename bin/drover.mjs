#!/usr/bin/env node
// Starts drover under the Node 24 that came with the packages, whatever Node is on the PATH.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'cli', 'main.ts')
const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
let node = process.execPath
if (Number(process.versions.node.split('.')[0]) < 24) {
  try {
    const home = dirname(createRequire(import.meta.url).resolve(`${platform}/package.json`))
    node = join(home, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    console.error(`drover needs Node 24; this is ${process.version} and the package ${platform} is not installed (npm install)`)
    process.exit(1)
  }
}
const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
