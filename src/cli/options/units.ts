/** Durations and sizes as people write them. */
import type { Horizon } from '#ports/options.ts'

const MILLISECONDS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Record<string, number> = {
  B: 1,
  KB: 1_000,
  MB: 1e6,
  GB: 1e9,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
}

/** `250ms`, `2s`, `1.5m` → milliseconds; undefined where it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return scaled(/^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text), MILLISECONDS)
}

/** `900KB`, `64MiB` → bytes; a bare number is bytes; undefined where it is not a size. */
export function parseBytes(text: string): number | undefined {
  return scaled(
    /^(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)$/.exec(/^\d+$/.test(text) ? `${text}B` : text),
    BYTES,
  )
}

/** `128`, `12h`, `20GB` or `all`; undefined where it is none of these. A bare number is blocks. */
export function parseHorizon(text: string): Horizon | undefined {
  if (text === 'all') return { kind: 'all' }
  if (/^\d{1,15}$/.test(text)) return { kind: 'blocks', blocks: Number(text) }
  const milliseconds = parseDuration(text)
  if (milliseconds !== undefined) return { kind: 'time', seconds: Math.ceil(milliseconds / 1_000) }
  const bytes = parseBytes(text)
  return bytes === undefined ? undefined : { kind: 'bytes', bytes }
}

function scaled(match: RegExpExecArray | null, units: Record<string, number>): number | undefined {
  return match === null ? undefined : Math.round(Number(match[1]) * (units[match[2] as string] as number))
}
