/** `drover check`: is a store's state what its block's header says? */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { installCommittedCore } from '#cli/process/core.ts'
import { bar, startProgress, timeLeft } from '#cli/process/progress.ts'
import { toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import { type LmdbKeyValue, openLmdb } from '#platform/lmdb/key-value.ts'
import type { OptionTable } from '#ports/options.ts'
import { openStore } from '#state/open-store.ts'
import { createZstd } from '#platform/compress/zstd.ts'
import { checkState, type Verdict } from '#state/trie/check.ts'
import { defineCommand } from './command.ts'

const options = {
  dataPath: {
    flag: 'data',
    type: 'text',
    required: true,
    value: 'DIR',
    help: 'the folder of a master, a replica or an import, none of which runs meanwhile',
  },
} as const satisfies OptionTable

export const checkCommand = defineCommand({
  name: 'check',
  summary: 'recomputes the state root of a store from its flat state',
  text: `
Reads every account and slot once. A store with a state trie is compared with it leaf by leaf, so the first key that differs is named; for one
without, a trie is made beside it and removed again.
  drover check --data ./r1`,
  options,
  async run({ values }) {
    installCommittedCore()
    const kv = openLmdb({ path: join(values.dataPath, 'store'), mode: 'writer', durable: false })
    const scratchPath = join(values.dataPath, 'check-scratch')
    let scratch: LmdbKeyValue | undefined
    try {
      if (openStore(kv, { compress: createZstd() }).identity() === undefined)
        throw new Fault('check/empty', `the store in ${values.dataPath} has not been filled yet`)
      const progress = startProgress(process.stderr)
      const startedMs = performance.now()
      const tx = kv.read()
      const verdict = checkState(tx, {
        scratch() {
          rmSync(scratchPath, { recursive: true, force: true })
          scratch = openLmdb({ path: scratchPath, mode: 'writer', durable: false })
          return scratch
        },
        onProgress: (leaves, of) =>
          progress.show(
            () =>
              `${bar(leaves, of)}  ${leaves} of ${of} leaves  ${timeLeft(leaves, of, performance.now() - startedMs)} left`,
          ),
      })
      tx.release()
      report(verdict, (performance.now() - startedMs) / 1_000)
    } finally {
      await scratch?.close()
      rmSync(scratchPath, { recursive: true, force: true })
      await kv.close()
    }
  },
})

function report(verdict: Verdict, seconds: number): void {
  if (verdict.kind === 'differs') {
    const { what, expected, computed } = verdict
    throw new Fault(
      'check/differs',
      `the store is not what it says: ${what} is ${expected}, and the flat state gives ${computed}. Remove its folder, it is filled again`,
      { what, expected, computed },
    )
  }
  const { block, root, accounts, slots } = verdict
  process.stdout.write(
    `block ${block}: ${accounts} accounts and ${slots} slots have the state root of the header, ${toHex(root)} (${seconds.toFixed(1)} s)\n`,
  )
}
