/**
 * `npm run adversarial -- --blocks 1000 [--seed N] [--fork osaka|amsterdam] [--out DIR]`: random mixtures of everything that makes state hard, on a geth of
 * its own, each block executed here and compared with its header: state root, receipts root, requests hash, gas, bloom; and proofs with
 * geth's own. A failure names the seed, the block and what was in it. With --out the chain is left as chain.rlp and genesis.json.
 */
import { runAdversarial } from '#test/geth/adversarial/run.ts'
import { readFlags, refuse, wholeFlag } from './flags.ts'

const values = readFlags('adversarial', {
  blocks: { type: 'string', default: '1000' },
  seed: { type: 'string', default: '1' },
  fork: { type: 'string', default: 'osaka' },
  out: { type: 'string' },
})
const { fork } = values
if (fork !== 'osaka' && fork !== 'amsterdam') refuse('adversarial', '--fork is osaka or amsterdam')
const outcome = await runAdversarial({
  blocks: wholeFlag(values, 'blocks', 1_000),
  seed: wholeFlag(values, 'seed', 1, 0),
  fork,
  ...(values.out !== undefined && { out: values.out }),
  onBlock(number) {
    if (number % 100 === 0) console.log(`${number} blocks`)
  },
})
const rare = [...outcome.vectors].sort(([, a], [, b]) => a - b)[0]
console.log(
  `${outcome.blocks} blocks of ${fork}, ${outcome.transactions} transactions (${outcome.failedTransactions} failed), ` +
    `${outcome.mgas.toFixed(0)} Mgas, ${outcome.requests} requests, ${outcome.vectors.size} vectors, each at least ${rare?.[1]} times, ` +
    `${outcome.proofs} accounts' proofs: all equal`,
)
