/** Values as people may see them: secrets are hidden, quantities are written as they are said. */
import type { Horizon, OptionSpec } from '#ports/options.ts'
import type { LimitUnit } from '#kernel/limit.ts'

const HIDDEN = '••••'

/** An option's value as text; empty where there is none. */
export function shownValue(spec: OptionSpec, value: unknown): string {
  if (value === undefined) return ''
  if (spec.secret === 'value') return HIDDEN
  if (Array.isArray(value)) return value.map((one) => shownText(spec, String(one))).join(',')
  if (spec.type === 'bytes') return quantity(Number(value), 'bytes')
  if (spec.type === 'duration') return quantity(Number(value), 'ms')
  if (spec.type === 'horizon') return shownHorizon(value as Horizon)
  return shownText(spec, String(value))
}

function shownHorizon(horizon: Horizon): string {
  switch (horizon.kind) {
    case 'blocks':
      return String(horizon.blocks)
    case 'time':
      return quantity(1_000 * horizon.seconds, 'ms')
    case 'bytes':
      return quantity(horizon.bytes, 'bytes')
    case 'all':
      return 'all'
  }
}

function shownText(spec: OptionSpec, text: string): string {
  return spec.secret === 'url' ? withoutSecrets(text) : text
}

/** Providers put keys into paths and queries, others into user and password: scheme, host and port are no secret. */
export function withoutSecrets(url: string): string {
  const found = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]*)(.*)$/i.exec(url)
  if (found === null) return url
  const [, scheme, host, rest = ''] = found
  const credentials = url.slice(scheme?.length).split(/[/?#]/)[0]?.includes('@') ? `${HIDDEN}@` : ''
  return `${scheme}${credentials}${host}${rest === '' || rest === '/' ? rest : `/${HIDDEN}`}`
}

const BYTES = [
  [1_073_741_824, 'GiB'],
  [1_048_576, 'MiB'],
  [1_024, 'KiB'],
] as const
const MILLISECONDS = [
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
] as const

/** Exactly: the largest unit that leaves no fraction. */
export function quantity(value: number, unit: LimitUnit): string {
  if (unit !== 'bytes' && unit !== 'ms') return `${value.toLocaleString('en')} ${unit}`
  const found = (unit === 'bytes' ? BYTES : MILLISECONDS).find(
    ([size]) => value >= size && value % size === 0,
  )
  return found === undefined
    ? `${value.toLocaleString('en').replaceAll(',', unit === 'ms' ? '' : ',')}${unit === 'ms' ? 'ms' : ' B'}`
    : `${value / found[0]}${unit === 'ms' ? '' : ' '}${found[1]}`
}
