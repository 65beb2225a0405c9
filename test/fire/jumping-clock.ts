/**
 * Preloaded into a process (`--import`): its wall clock, as Date tells it, is ahead by the milliseconds that stand in a file. The monotonic
 * clock is what it was: no system lets that jump, and it is the one that Drover measures by.
 */
import { readFileSync } from 'node:fs'

const file = process.env['FIRE_CLOCK_FILE']
const LOOK_EVERY_MS = 50

if (file !== undefined) {
  const RealDate = Date
  let offsetMs = 0
  let lookedMs = Number.NEGATIVE_INFINITY
  const now = (): number => {
    if (performance.now() - lookedMs > LOOK_EVERY_MS) {
      lookedMs = performance.now()
      const next = Number(readFileSync(file, 'utf8') || 0)
      if (next !== offsetMs) process.stderr.write(`the wall clock jumped by ${next - offsetMs} ms\n`)
      offsetMs = next
    }
    return RealDate.now() + offsetMs
  }
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, type) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, type) as Date,
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)) as unknown,
  })
  setInterval(() => Date.now(), LOOK_EVERY_MS).unref()
}
