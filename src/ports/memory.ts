/** Memory as whoever would end this process for using too much of it sees it. */
export interface MemoryUse {
  /** Who keeps the limit. */
  readonly source: 'cgroup v2' | 'cgroup v1' | 'system' | 'option' | 'heap' | 'process'
  /** Without what the system takes back by itself when it needs it (file pages, the store's map among them). */
  readonly usedBytes: number
  readonly limitBytes: number
}

export interface Memory {
  /** Every limit that this process or thread stands under, now. */
  read(): readonly MemoryUse[]
  /** Gives back what nobody holds any more. Takes tens of milliseconds. */
  reclaim(): void
}
