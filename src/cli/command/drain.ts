/** `drover drain`: a replica ends, or renews its answer threads, and no request fails. */
import { sendOrder } from '#cli/process/threads/replica-orders.ts'
import type { OptionTable } from '#ports/options.ts'
import { defineCommand } from './command.ts'

const options = {
  dataPath: {
    flag: 'data',
    type: 'text',
    required: true,
    value: 'DIR',
    help: 'the folder that the replica was started with',
  },
  onlyThreads: {
    flag: 'only-threads',
    type: 'switch',
    help: 'the replica goes on, with new answer threads in the place of the old ones, one after the other',
  },
} as const satisfies OptionTable

export const drainCommand = defineCommand({
  name: 'drain',
  summary: 'ends a replica of this machine without a failed request',
  text: `
The replica tells gateways and load balancers (/ready is 503), answers what it was asked, and ends; this returns when it has.
  drover drain --data ./r1`,
  options,
  async run({ values }) {
    await sendOrder(values.dataPath, values.onlyThreads ? 'renew' : 'drain')
    process.stdout.write(values.onlyThreads ? 'the answer threads are new\n' : 'the replica has ended\n')
  },
})
