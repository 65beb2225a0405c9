import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import '#test/support/core.ts'
import type { Fork } from '#chain/fork/rules.ts'
import { SPEC } from '#core/evm-values.ts'
import { bigintTo, fromHex, toHex } from '#kernel/bytes.ts'
import { needs, SHARED } from '#test/support/needs.ts'
import { createCaller } from '#evm/call/call.ts'
import { intrinsicGas } from '#evm/intrinsic-gas.ts'
import { createWorld } from '#evm/testing/world.ts'

interface Vector {
  readonly Name: string
  readonly Input: string
  readonly Expected?: string
  readonly Gas?: number
  readonly ExpectedError?: string
}

const NOBODY = new Uint8Array(20)

/** The address of each precompile and a fork whose prices the vectors have. */
const PRECOMPILES: Record<string, readonly [address: number, fork: Fork]> = {
  ecRecover: [0x01, 'cancun'],
  modexp: [0x05, 'byzantium'],
  modexp_eip2565: [0x05, 'berlin'],
  modexp_eip7883: [0x05, 'osaka'],
  bn256Add: [0x06, 'cancun'],
  bn256ScalarMul: [0x07, 'cancun'],
  bn256Pairing: [0x08, 'cancun'],
  blake2F: [0x09, 'cancun'],
  blake2f: [0x09, 'cancun'],
  pointEvaluation: [0x0a, 'cancun'],
  blsG1Add: [0x0b, 'prague'],
  blsG1Mul: [0x0c, 'prague'],
  blsG1MultiExp: [0x0c, 'prague'],
  blsG2Add: [0x0d, 'prague'],
  blsG2Mul: [0x0e, 'prague'],
  blsG2MultiExp: [0x0e, 'prague'],
  blsPairing: [0x0f, 'prague'],
  blsMapG1: [0x10, 'prague'],
  blsMapG2: [0x11, 'prague'],
  p256Verify: [0x100, 'osaka'],
}

test(
  'every precompile gives the outputs and prices of the public vectors, and fails in geth’s words',
  needs('shared'),
  () => {
    const dir = join(SHARED, 'conformance', 'precompiles')
    const caller = createCaller()
    let run = 0
    for (const file of readdirSync(dir).filter((name) => name.endsWith('.json'))) {
      const fails = file.startsWith('fail-')
      const name = file.replace(/^fail-|\.json$/g, '')
      const [number, fork] = PRECOMPILES[name] ?? assert.fail(`${file} is of no precompile that we know`)
      const world = createWorld({}, fork)
      const to = bigintTo(BigInt(number), 20)
      for (const vector of JSON.parse(readFileSync(join(dir, file), 'utf8')) as Vector[]) {
        const input = fromHex(`0x${vector.Input}`)
        const gasMax = 1n << 50n
        const outcome = caller.call({ to, input }, { ...world, gasMax, expired: () => false })
        const what = `${file} ${vector.Name}`
        run++
        if (fails) {
          if (outcome.kind !== 'halted') assert.fail(`${what} did not fail`)
          assert.equal(outcome.reason, vector.ExpectedError, what)
          continue
        }
        assert.equal(outcome.kind, 'returned', what)
        if (outcome.kind !== 'returned') continue
        assert.equal(toHex(outcome.output), `0x${vector.Expected ?? ''}`, what)
        if (vector.Gas === undefined) continue
        const spec = SPEC[fork as keyof typeof SPEC]
        assert.equal(
          outcome.gasSpent - intrinsicGas({ from: NOBODY, to, data: input, value: 0n }, spec),
          BigInt(vector.Gas),
          what,
        )
      }
    }
    assert.ok(run > 400)
  },
)
