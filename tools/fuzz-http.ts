/** `npm run fuzz:http -- [HEADS] [SEED]`: mutated heads, our parser against llhttp. Exits with 1 where they differ as they must not. */
import { compareHeads } from '#platform/http/testing/compare-heads.ts'

const count = Number(process.argv[2] ?? 300_000)
const seed = Number(process.argv[3] ?? Date.now() & 0xffff_ffff)
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  console.error('usage: npm run fuzz:http -- [HEADS] [SEED]')
  process.exit(2)
}
const { differences, ...counts } = compareHeads(count, seed)
console.log(`${count} heads, seed ${seed}: ${JSON.stringify(counts)}`)
for (const difference of differences) console.log(difference)
process.exitCode = differences.length === 0 ? 0 : 1
