/**
 * One seed, from an empty world to a verdict. First phase: faults happen, users ask, safety is checked. Second phase: all is healed, one
 * branch grows a little and stops; within bounded time every replica and the gateway must stand at the clients' head, and then all
 * that should be equal is compared. The first promise that does not hold ends the run.
 */
import { type BlockBuilder, createBlockBuilder, type StateRoots } from '#sim/client/block-builder.ts'
import { createConsensus, DEEP, describe, SHALLOW } from '#sim/client/consensus.ts'
import { createGenesis } from '#sim/client/genesis.ts'
import { createCluster } from '#sim/cluster/cluster.ts'
import { createFaultPlan } from '#sim/fault/plan.ts'
import { probabilitiesOf } from '#sim/fault/probabilities.ts'
import { createMaintenanceWatch } from '#sim/checker/one-maintenance.ts'
import { createNetwork } from '#sim/net/network.ts'
import { operatorProgram } from '#sim/user/operator.ts'
import { userProgram } from '#sim/user/user.ts'
import { SimProcess } from '#sim/world/process.ts'
import type { Violation } from '#sim/world/violation.ts'
import { createWorld } from '#sim/world/world.ts'
import { createCheckers } from './checkers.ts'
import { atRest } from './convergence.ts'
import { drawSizes, drawTries, faultsMsOf, type ScenarioOptions } from './options.ts'

/** Runs `turn` until it gives false, each time after the promises of the time before have settled. */
export type Host = (turn: () => boolean) => Promise<void>

export interface SeedRun {
  readonly seed: number
  readonly violation: Violation | undefined
  readonly trace: readonly string[]
  readonly turns: number
  readonly virtualMs: number
  readonly blocks: number
  readonly answers: number
  /** Maintenances of clients that were begun and ended. */
  readonly maintenances: number
}

/** Blocks of the second phase, and how soon they come. */
const HEALED_BLOCKS = 3
const HEALED_BLOCK_MS = 200
const GROWN_MS_MAX = 10_000
/** From the last block until everybody stands at it: longer than any backoff of a role and a retry after it. */
const LIVE_WITHIN_MS = 20_000
/** What is left is given time to end: deadlines of requests, histories to be tidied. */
const REST_MS = { min: 200, max: 1_500 }
const SAMPLE_MS = 120
const REST_STEP_MS = 50
const HEARD_MS_MAX = 500
const HEARD_STEP_MS = 10
/** In which users must be answered, whatever they ask. */
const ANSWERED_MS = 300

/** Of replicas: above how deep a reorganisation goes, low enough that history is pruned. */
const HORIZON_BLOCKS = 9
const HORIZON_BLOCKS_DEEP = 70

/** Blocks of one process are shared by its runs: they are content, not state. */
const shared = new Map<StateRoots, BlockBuilder>()

function builderOf(roots: StateRoots): BlockBuilder {
  const builder = shared.get(roots) ?? createBlockBuilder(createGenesis(), roots)
  shared.set(roots, builder)
  builder.tidy()
  return builder
}

export async function runSeed(
  seed: number,
  options: ScenarioOptions,
  parts: { readonly host: Host; readonly verbosity: 'short' | 'full' },
): Promise<SeedRun> {
  const world = createWorld(seed, parts.verbosity)
  const sizes = drawSizes(options, world.random.child('sizes'))
  const tries = drawTries(options, sizes, world.random.child('tries'))
  const builder = builderOf(tries === undefined ? 'sham' : 'true')
  const probabilities = probabilitiesOf(options.scenario, world.random.child('scenario'))
  const network = createNetwork(world)
  const { reorg, split } = probabilities
  const isDeep = options.scenario === 'deep-reorgs'
  const consensus = createConsensus(
    {
      blockMs: sizes.blockMs,
      clients: sizes.masters,
      reorg,
      split,
      missed: 0.1,
      finalize: 0.3,
      depths: isDeep ? DEEP : SHALLOW,
    },
    builder,
    world,
  )
  const horizonBlocks = isDeep ? HORIZON_BLOCKS_DEEP : HORIZON_BLOCKS
  const cluster = createCluster({ ...sizes, tries, horizonBlocks }, { world, network, consensus, builder })
  const checkers = createCheckers({ world, network, consensus, cluster }, builder.genesis)
  const faults = createFaultPlan(probabilities, { world, network, cluster })
  const users = Array.from(
    { length: options.users },
    (_, i) =>
      new SimProcess(
        `user-${i}`,
        world,
        userProgram({
          network,
          block: consensus.block,
          newest: () => consensus.canonical().head,
          nowMs: () => world.scheduler.nowMs(),
          told: checkers.told,
          thinkMs: { min: 20, max: 200 },
          asksForProofs: cluster.replicas.every(({ trie }) => trie),
        }),
      ),
  )
  let isOver = false
  const maintenance = createMaintenanceWatch(world, cluster.watch)
  const operators = (options.scenario === 'maintenance' ? cluster.masters : []).map((master, i) => {
    const client = (cluster.clients[i] as (typeof cluster.clients)[number]).process
    const program = operatorProgram({
      ...{ network, master: master.process.name, watch: maintenance, isOver: () => isOver },
      stall: () => client.pause(),
      goOn: () => client.resume(),
    })
    return new SimProcess(`operator-${i}`, world, program)
  })
  const runUntil = async (untilMs: number): Promise<void> => {
    try {
      await parts.host(() => world.violation() === undefined && world.scheduler.turn(untilMs))
    } catch (thrown) {
      // What no promise and no caller took would have ended a real process.
      world.violate(
        'bug',
        `nobody caught ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
      )
    }
  }
  const sample = (): void => {
    checkers.sampled()
    world.scheduler.after(SAMPLE_MS, undefined, sample)
  }

  world.trace.line(
    'world',
    `${options.scenario}, ${sizes.masters} masters, ${sizes.replicas} replicas, a block each ${sizes.blockMs} ms${tries === undefined ? '' : ', state tries'}`,
  )
  cluster.start()
  for (const user of [...users, ...operators]) user.start()
  consensus.start()
  faults.start()
  sample()
  await runUntil(faultsMsOf(options))
  if (world.violation() === undefined) await heal()
  return {
    seed,
    violation: world.violation(),
    trace: world.trace.lines(),
    turns: world.scheduler.turns(),
    virtualMs: world.scheduler.nowMs(),
    blocks: consensus.canonical().head.number,
    answers: checkers.answers(),
    maintenances: maintenance.count(),
  }

  /** In steps from `fromMs` on, at most for `maxMs`. */
  async function runWhile(
    isNotYet: () => boolean,
    fromMs: number,
    maxMs: number,
    stepMs = REST_STEP_MS,
  ): Promise<void> {
    for (let atMs = fromMs; isNotYet() && world.violation() === undefined && atMs < fromMs + maxMs; ) {
      atMs += stepMs
      await runUntil(atMs)
    }
  }

  async function heal(): Promise<void> {
    faults.heal()
    isOver = true
    consensus.settle(HEALED_BLOCK_MS)
    const highest = consensus.highest()
    const healedMs = world.scheduler.nowMs() + HEALED_BLOCKS * HEALED_BLOCK_MS
    await runUntil(healedMs)
    // What was announced comes, or who asks for it is told to wait.
    await runWhile(() => consensus.canonical().head.number < highest, healedMs, GROWN_MS_MAX)
    consensus.stop()
    const stopMs = world.scheduler.nowMs()
    let awake: string | undefined
    await runWhile(() => (awake = atRest(cluster, consensus)) !== undefined, stopMs, LIVE_WITHIN_MS)
    if (awake !== undefined)
      world.violate('live', `${awake}; the chain is at ${describe(consensus.canonical().head)}`)
    let stalled: string | undefined
    await runWhile(
      () => (stalled = maintenance.left()) !== undefined,
      world.scheduler.nowMs(),
      LIVE_WITHIN_MS,
    )
    if (stalled !== undefined) world.violate('P6', stalled)
    for (const operator of operators) operator.stop()
    checkers.wantAnswers()
    await runUntil(world.scheduler.nowMs() + ANSWERED_MS)
    for (const user of users) user.stop()
    const restMs = world.scheduler.nowMs() + REST_MS.min
    await runUntil(restMs)
    await runWhile(() => checkers.isAnythingLeft(), restMs, REST_MS.max)
    // Masters beat on: the auditor is given the time to hear of the last of what they were promised.
    await runWhile(() => !cluster.watch.hasHeardAll(), world.scheduler.nowMs(), HEARD_MS_MAX, HEARD_STEP_MS)
    if (world.violation() === undefined) checkers.ended()
  }
}
