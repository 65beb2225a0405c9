/** Assertions stay on in production: a broken belief ends the process, its supervisor starts it again. */

/** Thrown by {@link assert}: always a bug of ours, never bad input. */
export class AssertionFailed extends Error {
  override name = 'AssertionFailed'
}

/** Ends the process's current work when a belief does not hold. The message is the invariant, in words. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionFailed(invariant)
}

/** For the default branch of a switch over a union: does not compile while a variant is left out. */
export function unreachable(value: never, where: string): never {
  throw new AssertionFailed(`${where}: unexpected ${JSON.stringify(value)}`)
}
