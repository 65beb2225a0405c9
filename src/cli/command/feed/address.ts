/** How a feed is named on the command line, by whoever looks at one. */
import type { OptionTable } from '#ports/options.ts'

export const FEED_FORMS = 'host:port or unix:PATH of a feed host, or kafka://HOST:PORT[,HOST:PORT]/CLUSTER'

export const feedAddress = { type: 'text', required: true, value: 'ADDRESS' } as const

export const feedChainId = {
  flag: 'chain-id',
  type: 'integer',
  min: 1,
  value: 'N',
  help: 'of a feed on Kafka: its chain',
} as const

/** `--feed` and `--chain-id`. */
export const oneFeedOptions = {
  feed: { ...feedAddress, flag: 'feed', help: FEED_FORMS },
  chainId: feedChainId,
} as const satisfies OptionTable
