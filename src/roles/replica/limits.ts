/** Limits of a replica that are no option: what its parts read and what `drover config show` shows. */
import { CODE_CACHE_BYTES } from '#core/evm.ts'
import { RUN_MEMORY_BYTES } from '#core/evm-codec.ts'
import type { LimitTable } from '#kernel/limit.ts'
import { ANSWER_BYTES_MAX } from '#wire/link-answer.ts'
import { SECTION_BYTES_MAX } from '#wire/section.ts'

export const replicaLimits = {
  answerTimeMaxMs: {
    value: 3,
    unit: 'ms',
    what: 'time of one eth_call or eth_estimateGas in an answer thread',
    over: 'it is run again in a compute thread, at the same block',
  },
  heavyCallsMax: {
    value: 64,
    unit: 'calls',
    what: 'calls that wait for a compute thread, each for --call-time-max at most',
    over: 'refused with -32005, and 503 where nothing else was asked',
  },
  heavyRunsMax: {
    value: 2,
    unit: 'attempts',
    what: 'runs of a call whose compute thread ends under it',
    over: 'refused with -32603',
  },
  heavyOverrunMaxMs: {
    value: 2_000, // a precompile is not interrupted
    unit: 'ms',
    what: 'time over --call-time-max in which a compute thread must come back',
    over: 'the thread is ended and replaced',
  },
  branchBlocksMax: {
    value: 64,
    unit: 'blocks',
    what: 'length of a branch that was reorganised away, up to a block that is asked for by its hash',
    over: 'the block is answered as unknown',
  },
  drainTimeMaxMs: {
    value: 10_000,
    unit: 'ms',
    what: 'time that a draining answer thread gives to what it was asked',
    over: 'the connection is closed; a gateway asks another replica',
  },
  threadRestartsMax: {
    value: 5,
    unit: 'attempts',
    what: 'threads that may fail within a minute, and are replaced',
    over: 'the process ends',
  },
  readerRestartsMax: {
    value: 6,
    unit: 'attempts',
    what: 'times that reading ahead begins again while catching up, without 30 s of it in between',
    over: 'the applier reads on alone',
  },
  waitTimeMaxMs: {
    value: 500,
    unit: 'ms',
    what: 'time that a request waits for a block that is announced and not served yet',
    over: 'refused with -32005, and 503 where nothing else was asked',
  },
  bodyTimeFactorMax: {
    value: 2,
    unit: 'calls',
    what: 'time for all calls of a body, in times of --call-time-max',
    over: 'the rest is refused with -32002',
  },
  turnTimeMaxMs: {
    value: 20,
    unit: 'ms',
    what: 'time that a body runs before others have their turn',
    over: 'it goes on after them',
  },
  firstTurnCharactersMax: {
    value: 256 * 1024,
    unit: 'characters',
    what: 'answers that a body makes before it needs a place among the long ones',
    over: 'it goes on when it has one',
  },
  longBodiesMax: {
    value: 2, // a light request waits for a turn of each
    unit: 'requests',
    what: 'bodies of more than one turn that go on side by side, those of gateways until their answers have left',
    over: 'further ones wait',
  },
  longBodiesWaitingMax: {
    value: 16, // each has had a first turn, and holds what it made in it
    unit: 'requests',
    what: 'bodies that wait to go on after their first turn',
    over: 'refused with -32005 and 503',
  },
  crowdedBatchCallsMax: {
    value: 8,
    unit: 'calls',
    what: 'calls of a batch that has a first turn while long bodies go on',
    over: 'it waits for its place without one, or is refused at once with -32005 and 503',
  },
  snapshotTimeMaxMs: {
    value: 500, // an older one keeps its pages from being used again (the store's rule is a second, in which a turn and a call must fit)
    unit: 'ms',
    what: 'age of a snapshot of the store',
    over: 'the body is bound again at the same head',
  },
  sharedSnapshotTimeMaxMs: {
    value: 250, // and a body that takes it last may keep it for snapshotTimeMaxMs: together within the store's rule
    unit: 'ms',
    what: 'age up to which new bodies share a snapshot of the newest commit',
    over: 'they bind another',
  },
  bindingsMax: {
    value: 5,
    unit: 'attempts',
    what: 'times that a body begins anew because a reorganisation took its head away',
    over: 'refused with -32005',
  },
  responseCharactersMax: {
    value: 25_000_000, // geth's
    unit: 'characters',
    what: 'answers of one body together',
    over: 'the rest is refused with -32003',
  },
  linkAnswerBytesMax: {
    value: ANSWER_BYTES_MAX,
    unit: 'bytes',
    what: 'one answer to a gateway',
    over: 'the request is refused',
  },
  logBlocksMax: {
    value: 10_000,
    unit: 'blocks',
    what: 'range of one eth_getLogs',
    over: 'refused with -32005, naming a range that will do',
  },
  logsMax: {
    value: 10_000,
    unit: 'logs',
    what: 'logs of one eth_getLogs',
    over: 'refused with -32005, naming a range that will do',
  },
  callMemoryBytesMax: {
    value: Number(RUN_MEMORY_BYTES),
    unit: 'bytes',
    what: 'memory of one call in the EVM',
    over: 'the call runs out of gas',
  },
  codeCacheBytesMax: {
    value: CODE_CACHE_BYTES,
    unit: 'bytes',
    what: 'analysed bytecode kept by a thread',
    over: 'all of it is dropped',
  },
  linksMax: {
    value: 256,
    unit: 'connections',
    what: 'gateways connected at once',
    over: 'a further one is refused',
  },
  linkRequestsMax: {
    value: 1_024,
    unit: 'requests',
    what: 'requests of one gateway at once; an answer counts until its last piece has left',
    over: 'refused as overloaded: the gateway asks another replica',
  },
  linkOutboxBytesMax: {
    value: 48 * 1024 * 1024, // below what the gateway collects
    unit: 'bytes',
    what: 'answers to one gateway that wait to leave',
    over: 'further requests are refused as overloaded',
  },
  linkSocketBytesMax: {
    value: 256 * 1024, // a light answer waits behind no more
    unit: 'bytes',
    what: 'bytes given to the operating system ahead of a gateway that takes them',
    over: 'they wait',
  },
  linkHelloTimeMaxMs: {
    value: 2_000,
    unit: 'ms',
    what: 'time in which a gateway must say who it is',
    over: 'the connection is closed',
  },
  commitBlocksMax: {
    value: 64,
    unit: 'blocks',
    what: 'blocks of one transaction while catching up',
    over: 'a further transaction',
  },
  commitRowsMax: {
    value: 30_000, // LMDB's list of dirty pages is bounded
    unit: 'rows',
    what: 'rows of one transaction',
    over: 'a further transaction; a longer switch goes block by block, and nothing is served in between',
  },
  catchUpBlocks: {
    value: 1_024,
    unit: 'blocks',
    what: 'final blocks below the horizon that are taken at once while catching up, and at most one step of the head more',
    over: 'a further batch',
  },
  catchUpBlocksMin: {
    value: 256,
    unit: 'blocks',
    what: 'how far behind a store is taken blocks at once',
    over: 'the blocks are taken at once; below it they are applied one by one',
  },
  catchUpBatchBytesMax: {
    value: 192_000_000,
    unit: 'bytes',
    what: 'changes of state that are gathered for one batch while catching up, and at most one block more',
    over: 'a further batch',
  },
  catchUpAheadBytesMax: {
    value: 256_000_000,
    unit: 'bytes',
    what: 'records and rows that the threads which read ahead have sent and the applier has not taken, and at most one message of each more',
    over: 'they wait',
  },
  catchUpBatchBytesMin: {
    value: 32_000_000, // a batch of few blocks writes nearly as many pages as one of many
    unit: 'bytes',
    what: 'what a batch may take however little memory is free, and what is read ahead half of it',
    over: 'both go by the memory that is free',
  },
  catchUpMemoryPercent: {
    value: 30,
    unit: 'percent',
    what: 'of the memory that is free, what these two together may take where that is less: two thirds for the batch',
    over: 'smaller batches, less is read ahead, and by one thread',
  },
  catchUpReadBytesMax: {
    value: 8_000_000,
    unit: 'bytes',
    what: 'read from the feed in one piece while catching up, and at most one record more',
    over: 'a further piece',
  },
  unwrittenBytesMax: {
    value: 8_000_000,
    unit: 'bytes',
    what: 'read from the feed and not written, though nothing may be decided yet',
    over: 'it is written',
  },
  unwrittenRecordsMax: {
    value: 1_000,
    unit: 'records',
    what: 'the same, in records',
    over: 'it is written',
  },
  indexedRowsMax: {
    value: 10_000,
    unit: 'rows',
    what: 'rows of the index of logs written in one transaction, and at most one block more',
    over: 'a further transaction',
  },
  tidyAfterSwitchMs: {
    value: 100,
    unit: 'ms',
    what: 'a replica leaves its index of logs and its old history alone after a switch',
    over: 'they are tidied up in small steps',
  },
  untidiedBlocksMax: {
    value: 4,
    unit: 'blocks',
    what: 'not tidied up after, while they come without such a pause',
    over: 'it does not wait any more',
  },
  prunedRowsMax: {
    value: 10_000,
    unit: 'rows',
    what: 'rows of history dropped in one transaction',
    over: 'the next transaction goes on',
  },
  widenedRowsMax: {
    value: 2_000, // a few milliseconds: a block may come meanwhile
    unit: 'rows',
    what: 'rows of old history moved to wider stretches in one transaction, and at most those of one key more',
    over: 'the next transaction goes on',
  },
  healthLookEveryMs: {
    value: 500,
    unit: 'ms',
    what: 'time between two looks at how the replica stands to its feed',
    over: 'what happens in between is seen late',
  },
  coverLookEveryMs: {
    value: 10_000,
    unit: 'ms',
    what: 'time between two looks at what the feed has dropped',
    over: 'what happens in between is seen late',
  },
  coverSamplesMax: {
    value: 60,
    unit: 'values',
    what: 'looks from which the rate of the feed is guessed: of ten minutes',
    over: 'the oldest is forgotten',
  },
  chainStalledMinMs: {
    value: 5_000,
    unit: 'ms',
    what: 'time without a new block after which the chain is said to stand still: ten learned block times, at least this',
    over: 'a line says so, and `drover_replica_chain_stalled` is 1; nothing else changes',
  },
  reorgHoldMinMs: {
    value: 50,
    unit: 'ms',
    what: 'least block time that holding back a lower head (two learned block times) reckons with',
    over: 'a shorter block time counts as this',
  },
  reorgHoldMaxMs: {
    value: 15_000,
    unit: 'ms',
    what: 'longest block time that holding back a lower head reckons with',
    over: 'a longer block time counts as this',
  },
  healthBackAfterMs: {
    value: 3_000, // beats come at least once a second
    unit: 'ms',
    what: 'time for which a feed that was silent too long must be heard, to its end, before the replica is asked again',
    over: 'it comes back',
  },
  sectionBytesMax: {
    value: SECTION_BYTES_MAX,
    unit: 'bytes',
    what: 'one section of a frame, expanded',
    over: 'the frame is refused',
  },
} as const satisfies LimitTable
