/** JSON values that may hold texts of JSON which no JavaScript value gives: numbers as they were written, keys that come twice. */
export class Raw {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** An object whose keys keep their order and may repeat. */
export class Fields {
  readonly entries: readonly (readonly [key: string, value: unknown])[]

  constructor(entries: readonly (readonly [key: string, value: unknown])[]) {
    this.entries = entries
  }
}

export function jsonText(value: unknown): string {
  if (value instanceof Raw) return value.text
  if (value instanceof Fields)
    return `{${value.entries.map(([key, each]) => `${JSON.stringify(key)}:${jsonText(each)}`).join(',')}}`
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  return JSON.stringify(value ?? null)
}

/** Of an object of plain values; absent ones are left out. */
export function fields(of: Readonly<Record<string, unknown>>): Fields {
  return new Fields(Object.entries(of).filter(([, value]) => value !== undefined))
}
