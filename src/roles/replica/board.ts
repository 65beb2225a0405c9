/**
 * What the applier and the answer threads of one replica share: a few numbers that any thread may read at any time (over a
 * SharedArrayBuffer that the composition root makes), and the messages between them. The sequence is the one that matters for correctness:
 * the applier raises it *before* it commits, so that a reader who sees an older one in its snapshot knows that a newer one may be there.
 */

/** Bytes of the shared buffer. */
export const BOARD_BYTES = 8 * 8

const FIELDS = {
  sequence: 0,
  announced: 1,
  applied: 2,
  feedEnd: 3,
  ready: 4,
  stale: 5,
  feedFirst: 6,
  cover: 7,
} as const

export interface Board {
  /** Of the newest commit, or the one that is about to be made. */
  sequence(): number
  setSequence(sequence: number): void
  /** The highest block number that any master announced. */
  announcedNumber(): number
  announce(number: number): void
  /** One past the last feed position whose consequences are all in the store; not past a head that is held back. */
  applied(): number
  setApplied(position: number): void
  /** The end of the feed as it was at the start: where catching up ends. */
  feedEnd(): number
  setFeedEnd(position: number): void
  /** The feed's end of the start has been reached. */
  isReady(): boolean
  setReady(): void
  /** The feed has been silent for longer than is allowed: what is here may be old, and others are to be asked. */
  isStale(): boolean
  setStale(stale: boolean): void
  /** What the feed has dropped, as it was seen last; undefined before that. */
  feedCover(): FeedCover | undefined
  setFeedCover(cover: FeedCover): void
}

export interface FeedCover {
  /** Its first position. */
  readonly first: number
  /** How long it would still hold what the store needs, were it stopped now; undefined where that is not known, Infinity where it has dropped nothing. */
  readonly seconds: number | undefined
}

/** 0 is what nobody has set. */
const COVER_UNKNOWN = 1
const COVER_WHOLE = 2
const COVER_SECONDS = 3

export function createBoard(buffer: SharedArrayBuffer): Board {
  const numbers = new BigInt64Array(buffer)
  const get = (field: keyof typeof FIELDS): number => Number(Atomics.load(numbers, FIELDS[field]))
  const set = (field: keyof typeof FIELDS, value: number): void =>
    void Atomics.store(numbers, FIELDS[field], BigInt(value))
  return {
    sequence: () => get('sequence'),
    setSequence: (sequence) => set('sequence', sequence),
    announcedNumber: () => get('announced'),
    announce: (number) => {
      if (number > get('announced')) set('announced', number)
    },
    applied: () => get('applied'),
    setApplied: (position) => set('applied', position),
    feedEnd: () => get('feedEnd'),
    setFeedEnd: (position) => set('feedEnd', position),
    isReady: () => get('ready') === 1,
    setReady: () => set('ready', 1),
    isStale: () => get('stale') === 1,
    setStale: (stale) => set('stale', stale ? 1 : 0),
    feedCover() {
      const cover = get('cover')
      if (cover === 0) return undefined
      const seconds =
        cover === COVER_UNKNOWN
          ? undefined
          : cover === COVER_WHOLE
            ? Number.POSITIVE_INFINITY
            : cover - COVER_SECONDS
      return { first: get('feedFirst'), seconds }
    },
    setFeedCover({ first, seconds }) {
      set('feedFirst', first)
      const isWhole = seconds === Number.POSITIVE_INFINITY
      set(
        'cover',
        seconds === undefined ? COVER_UNKNOWN : isWhole ? COVER_WHOLE : COVER_SECONDS + Math.floor(seconds),
      )
    },
  }
}

/** From the applier to answer threads. */
export type ApplierNews =
  /** The store is there (it may have been made just now): snapshots can be bound. */
  | { readonly kind: 'opened' }
  /** Something above changed: a commit, an announcement, readiness, a position. */
  | { readonly kind: 'moved' }
  /** Answer to askFeedEnd; undefined where the feed could not be asked. */
  | { readonly kind: 'feedEnd'; readonly nonce: number; readonly next: number | undefined }

/** From answer threads to the applier. */
export type AnswererAsks = { readonly kind: 'askFeedEnd'; readonly nonce: number }
