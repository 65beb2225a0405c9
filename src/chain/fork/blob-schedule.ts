/** How many blobs a block may carry and how their price moves, by time (EIP-4844, EIP-7840, EIP-7892). */
import { Fault } from '#kernel/fault.ts'
import { jsonBigint, jsonNumber, jsonObject, type JsonObject } from '#chain/codec/json-fields.ts'
import type { BlobParameters } from './rules.ts'

/** Keys of forks that may set blob parameters, oldest first. */
export const BLOB_FORKS = [
  'cancunTime', 'pragueTime', 'osakaTime', 'bpo1Time', 'bpo2Time', 'bpo3Time', 'bpo4Time', 'bpo5Time',
  'amsterdamTime',
] // biome-ignore format: one table

/** What the forks' EIPs say (EIP-4844, EIP-7691). Blob-parameter forks are nothing but their values, so they have no default. */
const DEFAULTS: Record<string, BlobParameters> = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
  osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
}

/** Since when which parameters hold, oldest first. @throws Fault chain/malformed */
export function parseBlobSchedule(
  config: JsonObject,
): { at: number; key: string; parameters: BlobParameters }[] {
  const schedule = jsonObject(config['blobSchedule'] ?? {}, 'config.blobSchedule')
  return BLOB_FORKS.flatMap((key) => {
    const at = config[key] ?? undefined
    if (at === undefined) return []
    const name = key.slice(0, -'Time'.length)
    const given = schedule[name] ?? undefined
    const parameters = given === undefined ? DEFAULTS[name] : blobParameters(given, name)
    // Amsterdam changes none unless it says so.
    if (parameters === undefined && name === 'amsterdam') return []
    if (parameters === undefined) {
      throw new Fault(
        'chain/malformed',
        `config.${key} is scheduled, but config.blobSchedule.${name} is missing`,
      )
    }
    return [{ at: jsonNumber(at, `config.${key}`), key, parameters }]
  })
}

function blobParameters(value: unknown, fork: string): BlobParameters {
  const where = `config.blobSchedule.${fork}`
  const json = jsonObject(value, where)
  const parameters = {
    target: jsonNumber(json['target'], `${where}.target`),
    max: jsonNumber(json['max'], `${where}.max`),
    baseFeeUpdateFraction: jsonBigint(json['baseFeeUpdateFraction'], `${where}.baseFeeUpdateFraction`),
  }
  if (parameters.target > parameters.max || parameters.max === 0 || parameters.baseFeeUpdateFraction === 0n)
    throw new Fault(
      'chain/malformed',
      `${where} must have target ≤ max, and neither max nor fraction may be 0`,
    )
  return parameters
}
