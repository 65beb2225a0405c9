/** Compression of frame sections: zstd level 1 in production, stored in the simulation. */
export interface Compress {
  readonly codec: 'zstd' | 'stored'
  compress(raw: Uint8Array): Uint8Array
  /** @throws Fault compress/damaged where the bytes do not expand to exactly `rawLength` */
  expand(codec: 'zstd' | 'stored', bytes: Uint8Array, rawLength: number): Uint8Array
}
