/** Files of one directory, for the embedded log: real, or simulated with crashes that lose unsynced writes. */
export interface Disk {
  /** Names of the files, sorted. */
  list(): Promise<readonly string[]>
  /** Opens for reading and appending, creating it if it is not there. */
  open(name: string): Promise<DiskFile>
  remove(name: string): Promise<void>
  /** Replaces a small file as a whole, durably (write beside, sync, rename, sync the directory). */
  replace(name: string, bytes: Uint8Array): Promise<void>
  /** The whole of a small file, or undefined. */
  readAll(name: string): Promise<Uint8Array | undefined>
  /** Makes created and removed names durable. */
  syncNames(): Promise<void>
}

export interface DiskFile {
  size(): Promise<number>
  /** Up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Appends all of `parts` at `offset`, the current end.
   *  @throws Fault disk/full */
  write(offset: number, parts: readonly Uint8Array[]): Promise<void>
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}
