/** Randomness for identities and jitter: the operating system's in production, seeded in the simulation. */
export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1). */
  unit(): number
}
