/**
 * Arrays of one length that are used again and again. What is long and lives shortly costs more to collect than to fill: a collector that
 * counts bytes outside its heap runs for every few hundred answers. Whoever takes a chunk may give it back or forget it, and must not give
 * it back while anybody still reads it.
 */
import { assert } from './assert.ts'

export interface Chunks {
  readonly bytesEach: number
  /** Holds whatever was in it last. */
  take(): Uint8Array
  /** Once for each `take`, when nobody reads it any more. */
  give(chunk: Uint8Array): void
}

/** @param keptMax chunks that wait to be taken again; what is given beyond is left to the collector */
export function createChunks(bytesEach: number, keptMax: number): Chunks {
  const free: Uint8Array[] = []
  const isFree = new Set<Uint8Array>()
  return {
    bytesEach,
    take() {
      const chunk = free.pop()
      if (chunk === undefined) return new Uint8Array(bytesEach)
      isFree.delete(chunk)
      return chunk
    },
    give(chunk) {
      assert(chunk.length === bytesEach, 'a chunk is given back whole')
      // Two answers in one chunk would show one user what another asked.
      assert(!isFree.has(chunk), 'a chunk is given back once')
      if (free.length === keptMax) return
      free.push(chunk)
      isFree.add(chunk)
    },
  }
}
