/** A promise that did not hold in a run: the first one ends it. */
export type Promised = 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6' | 'P7' | 'P8' | 'live' | 'bug'

export class Violation extends Error {
  override name = 'Violation'
  readonly promised: Promised

  constructor(promised: Promised, message: string) {
    super(`${promised}: ${message}`)
    this.promised = promised
  }
}
