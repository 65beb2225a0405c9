/** A genesis in geth's format: chain rules, first header, first state. */
import type { AccountChange, Code, SlotChange } from '#chain/delta/delta.ts'
import type { Header } from '#chain/header/header.ts'
import type { ChainConfig } from './rules.ts'

export interface Genesis {
  readonly config: ChainConfig
  readonly header: Header
  readonly accounts: readonly AccountChange[]
  readonly slots: readonly SlotChange[]
  readonly codes: readonly Code[]
}
