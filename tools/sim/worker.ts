/** One lane of `npm run sim -- --jobs N`: takes orders from its parent until that is gone. */
import { laneHere, type SeedOrder } from './lanes.ts'

const lane = laneHere()
// Ctrl-C is for the parent, which lets the seeds that run come to their end.
process.on('SIGINT', () => {})
process.on('message', (order: SeedOrder) => {
  void lane.run(order).then((report) => process.send?.(report))
})
