/** Many seeds, and what is said of them: each failure with the command that replays it, now and then how far the run is, and a last line. */
import { SCENARIOS, type ScenarioName } from '#sim/fault/probabilities.ts'
import { defaultOptions, type ScenarioOptions } from '#sim/scenario/options.ts'
import { openLanes, type SeedReport } from './lanes.ts'

export interface ManyOptions {
  readonly from: number
  readonly count: number
  readonly jobs: number
  /** In place of the options' scenario each seed has one of these in turn. */
  readonly isAll: boolean
  readonly untilFailure: boolean
}

const PROGRESS_MS = 60_000
/** What `all` is: those whose seeds take about as long as each other. */
const ALL = SCENARIOS.filter((name) => !['deep-reorgs', 'maintenance', 'sleepers'].includes(name))

/** Whether all ran and none failed. */
export async function runMany(many: ManyOptions, options: ScenarioOptions): Promise<boolean> {
  const { from, count } = many
  const startedMs = performance.now()
  const failed: string[] = []
  const running = new Set<number>()
  let [started, done, answers, maintenances, cpuMicros] = [0, 0, 0, 0, 0]
  let toldMs = startedMs
  let isStopped = false
  process.once('SIGINT', () => (isStopped = true)).once('SIGTERM', () => (isStopped = true))
  const optionsOf = (seed: number): ScenarioOptions =>
    many.isAll ? { ...options, scenario: ALL[seed % ALL.length] as ScenarioName } : options
  /** From the first that has not come to its end. */
  const goOn = (): string => {
    const next = Math.min(from + started, ...running)
    return `npm run sim -- --seeds ${from + count - next} --from ${next}${many.isAll ? ' --scenario all' : ''}${flags(options)}${many.jobs > 1 ? ` --jobs ${many.jobs}` : ''}`
  }
  const took = (report: SeedReport): void => {
    done++
    answers += report.answers
    maintenances += report.maintenances
    cpuMicros += report.cpuMicros
    if (performance.now() - toldMs >= PROGRESS_MS) {
      toldMs = performance.now()
      const rate = (done * 1_000) / (toldMs - startedMs)
      const left = (count - done) / rate / 60
      console.log(
        `${done} of ${count} seeds, ${failed.length} failed, ${rate.toFixed(1)} a second, ${left.toFixed(0)} min left; from here on: ${goOn()}`,
      )
    }
    if (report.failure === undefined) return
    const own = optionsOf(report.seed)
    failed.push(`${own.scenario} ${report.seed}`)
    console.log(report.failure.join('\n'))
    console.log(`seed ${report.seed} failed. Replay it: npm run sim -- --seed ${report.seed}${flags(own)}\n`)
    if (many.untilFailure) isStopped = true
  }
  const lanes = openLanes(Math.min(many.jobs, count))
  await Promise.all(
    lanes.map(async (lane) => {
      while (started < count && !isStopped) {
        const seed = from + started++
        running.add(seed)
        const report = await lane.run({ seed, options: optionsOf(seed) })
        running.delete(seed)
        took(report)
      }
      lane.close()
    }),
  )
  console.log(
    `${done} seeds from ${from}, ${failed.length} failed, ${answers} answers checked, ${maintenances > 0 ? `${maintenances} maintenances, ` : ''}${((performance.now() - startedMs) / 1_000).toFixed(1)} s, ${(cpuMicros / 1_000 / Math.max(1, done)).toFixed(1)} ms of CPU a seed`,
  )
  if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
  if (done < count && !many.untilFailure) console.log(`stopped early; the rest: ${goOn()}`)
  return failed.length === 0 && done === count
}

/** Those that differ from the defaults: what a replay needs. */
function flags(options: ScenarioOptions): string {
  return Object.entries({ ...options, 'faults-ms': options.faultsMs })
    .filter(([name, value]) => {
      const byDefault =
        name === 'faults-ms' ? defaultOptions.faultsMs : defaultOptions[name as keyof ScenarioOptions]
      return name !== 'faultsMs' && value !== byDefault
    })
    .map(([name, value]) => ` --${name} ${value}`)
    .join('')
}
