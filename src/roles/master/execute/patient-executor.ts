/**
 * An executor whose disk may be full for a while: what could not be written (nothing of it was) is asked again until there is room. The
 * master goes on beating and forwarding meanwhile, and loses no place.
 */
import { faultCode, messageOf } from '#kernel/fault.ts'
import type { Clock } from '#ports/clock.ts'
import type { Logger } from '#ports/logger.ts'
import type { ExecutorDoor } from './messages.ts'

const DISK_LOW_PAUSE_MS = 1_000

export function patientExecutor(
  door: ExecutorDoor,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): ExecutorDoor {
  return {
    async ask(kind, ask) {
      for (let told = false; ; told = true) {
        try {
          return await door.ask(kind, ask)
        } catch (thrown) {
          if (faultCode(thrown) !== 'store/disk-low') throw thrown
          if (!told)
            log.error('the disk is full: no block is executed until there is room', {
              code: 'store/disk-low',
              reason: messageOf(thrown),
            })
          await clock.sleep(DISK_LOW_PAUSE_MS)
        }
      }
    },
    close: () => door.close(),
  }
}
