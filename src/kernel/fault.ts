/**
 * An operating failure: something outside the program is wrong (a disk, a peer, an option, a record). It is data
 * with a literal code, so that a table can decide what to do with it, and a message for the operator at 3 a.m.
 * Bugs are assertions (`assert.ts`); expected outcomes are returned unions.
 */
export class Fault<Code extends string = string> extends Error {
  override name = 'Fault'
  readonly code: Code
  readonly detail: Readonly<Record<string, unknown>>

  /**
   * @param code `area/what`, documented in docs/errors.md
   * @param message what is wrong and what to do about it
   * @param detail the facts, for logs
   */
  constructor(
    code: Code,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.code = code
    this.detail = detail
  }
}

/** The code of a fault, or undefined for anything else that was thrown. */
export function faultCode(thrown: unknown): string | undefined {
  return thrown instanceof Fault ? thrown.code : undefined
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
