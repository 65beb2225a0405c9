/**
 * Orders to a replica that runs, from whoever may send it a signal: SIGUSR2, after the order was written beside its store. The process names
 * itself in a lock file there, so that an order reaches it and nobody who has got its number since; no port is open for this.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, messageOf } from '#kernel/fault.ts'
import { holderOf, lockFile } from '#platform/disk/folder-lock.ts'
import type { Logger } from '#ports/logger.ts'

export const REPLICA_ORDERS = ['drain', 'renew'] as const
/** `drain`: answer what was asked, take nothing new, end. `renew`: put new answer threads in the place of the old ones. */
export type ReplicaOrder = (typeof REPLICA_ORDERS)[number]

const SIGNAL = 'SIGUSR2'
/** Longer than all that an order may take: the notice, the drain, the stop. */
const DONE_WITHIN_MS = 120_000
const LOOK_EVERY_MS = 50
/** What the order becomes when it could not be carried out. */
const FAILED = 'failed: '

/** Carries out orders, one after the other, for as long as the process lives. The folder is there. */
export function takeOrders(
  dataPath: string,
  carryOut: (order: ReplicaOrder) => Promise<void>,
  log: Logger,
): void {
  const file = orderFile(dataPath)
  let last = Promise.resolve()
  const take = async (): Promise<void> => {
    const order = REPLICA_ORDERS.find((one) => one === readOrder(file))
    if (order === undefined)
      return log.warn('a signal without an order was ignored', { signal: SIGNAL, file })
    log.info('an order came', { order })
    try {
      await carryOut(order)
      rmSync(file, { force: true })
    } catch (thrown) {
      log.error('an order could not be carried out', { order, error: messageOf(thrown) })
      writeFileSync(file, FAILED + messageOf(thrown))
    }
  }
  rmSync(file, { force: true }) // of an earlier life
  // For as long as the process lives: one that does not expect the signal is ended by it.
  process.on(SIGNAL, () => void (last = last.then(take)))
  const release = lockFile(lockPath(dataPath))
  process.once('exit', release)
}

/** Resolves when it has been carried out. @throws Fault drain/no-replica, drain/failed, drain/too-long */
export async function sendOrder(dataPath: string, order: ReplicaOrder): Promise<void> {
  const pid = holderOf(lockPath(dataPath))
  if (pid === undefined)
    throw new Fault(
      'drain/no-replica',
      `no replica runs on ${dataPath}: give the folder that it was started with (--data)`,
      { dataPath },
    )
  const file = orderFile(dataPath)
  try {
    writeFileSync(`${file}.new`, order)
    renameSync(`${file}.new`, file)
    process.kill(pid, SIGNAL)
  } catch (cause) {
    const message = `the replica (pid ${pid}) cannot be told: ${messageOf(cause)}. Run this as the user that it runs as`
    throw new Fault('drain/failed', message, { pid }, { cause })
  }
  for (const end = performance.now() + DONE_WITHIN_MS; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
    const isGone = holderOf(lockPath(dataPath)) !== pid
    const left = readOrder(file)
    if (left?.startsWith(FAILED)) {
      rmSync(file, { force: true })
      throw new Fault('drain/failed', `the replica says: ${left.slice(FAILED.length)}`, { pid })
    }
    if (order === 'drain' ? isGone : left === undefined) return
    if (isGone)
      throw new Fault('drain/failed', `the replica (pid ${pid}) ended meanwhile; see its log`, { pid })
  }
  throw new Fault('drain/too-long', `the replica (pid ${pid}) did not do it in time; see its log`, { pid })
}

function readOrder(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

function orderFile(dataPath: string): string {
  return join(dataPath, 'replica.order')
}

function lockPath(dataPath: string): string {
  return join(dataPath, 'replica.lock')
}
