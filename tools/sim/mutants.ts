/**
 * Deliberate breakages of the production code, each of which the simulation must object to: the proof that its checkers can fail. `find` must
 * stand exactly once in the file, so that a mutant whose code has changed is noticed and written anew.
 */
export interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The promises that may be the first to break. */
  readonly caughtBy: readonly string[]
  readonly scenario: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a head that was passed stays in the queue of those to be served',
    file: 'src/protocol/head/served-head.ts',
    find: 'for (const position of view.next.keys()) if (position <= to.position) view.next.delete(position)',
    replace: '',
    caughtBy: ['bug', 'P3'],
    scenario: 'mixed',
  },
  {
    name: 'a reorganisation does not undo the old branch',
    file: 'src/roles/replica/switch-plan.ts',
    find: 'plan.undo.find((block) => sameBlock(block, head))',
    replace: 'plan.undo.find(() => false)',
    caughtBy: ['bug', 'P1', 'P3'],
    scenario: 'reorgs',
  },
  {
    name: 'an undone slot keeps its value',
    file: 'src/state/delta-rows.ts',
    find: 'else tx.put(table, key, before)',
    replace: "else if (table !== 'storage') tx.put(table, key, before)",
    caughtBy: ['P1', 'live'],
    scenario: 'reorgs',
  },
  {
    name: 'a slot that was absent is not taken away again',
    file: 'src/state/delta-rows.ts',
    find: 'if (before.length === 0) tx.remove(table, key)',
    replace: "if (before.length === 0) { if (table !== 'storage') tx.remove(table, key) }",
    caughtBy: ['P1', 'live'],
    scenario: 'reorgs',
  },
  {
    name: 'history forgets what a slot was',
    file: 'src/state/history.ts',
    find: "this.#tx.put('history', historyKey(tagged, this.#block), before)",
    replace:
      "this.#tx.put('history', historyKey(tagged, this.#block), tagged[0] === Tag.slot ? new Uint8Array() : before)",
    caughtBy: ['P1'],
    scenario: 'reorgs',
  },
  {
    name: 'the logs of an undone block stay',
    file: 'src/state/chain-rows.ts',
    find: "for (let i = 0; i < logCount; i++) removeParts(tx, 'logs', logPrefix(header.number, i))",
    replace: '',
    caughtBy: ['P1', 'P4', 'P5', 'bug'],
    scenario: 'reorgs',
  },
  {
    name: 'an undone block is not kept beside the chain',
    file: 'src/roles/replica/store-switch.ts',
    find: 'if (!dropped.has(block.hash))',
    replace: 'if (dropped.has(block.hash))',
    caughtBy: ['bug', 'live'],
    scenario: 'reorgs',
  },
  {
    name: 'the position is written one record short',
    file: 'src/roles/replica/applier.ts',
    find: 'writer.setMachine(this.#position, ',
    replace: 'writer.setMachine(this.#position - 1, ',
    caughtBy: ['bug', 'P3'],
    scenario: 'crashes',
  },
  {
    name: 'the position is written apart from the block',
    file: 'src/roles/replica/applier.ts',
    find: 'this.#shelf.write(writer, this.#pending.gone())',
    replace: 'this.#shelf.write(writer, this.#pending.gone())\n      if (this.#sequence % 3 === 0) return',
    caughtBy: ['bug', 'P3', 'P1', 'live'],
    scenario: 'crashes',
  },
  {
    name: 'a head that must be held back is not',
    file: 'src/roles/replica/reorg-hold.ts',
    find: 'const HOLD_BLOCK_TIMES = 2',
    replace: 'const HOLD_BLOCK_TIMES = 0',
    caughtBy: ['P3'],
    scenario: 'reorgs',
  },
  {
    name: 'a restarted gateway serves before it knows the end of the feed',
    file: 'src/protocol/head/served-head.ts',
    find: `if (end === undefined) return undefined
  return newest(routable.filter((replica) => replica.applied >= end).map((replica) => replica.head))`,
    replace: 'return newest(routable.map((replica) => replica.head))',
    caughtBy: ['P3'],
    scenario: 'lagging',
  },
  {
    name: 'a replica answers at a head that it does not hold',
    file: 'src/roles/replica/answer-context.ts',
    find: 'if (sameBlock(snapshot.heads.head, head)) return true',
    replace: 'if (snapshot.heads.head.number > 0) return true',
    caughtBy: ['P1', 'P8', 'P4', 'bug'],
    scenario: 'reorgs',
  },
  {
    name: 'latest is the newest block of the store, not of the answer',
    file: 'src/roles/replica/answer-context.ts',
    find: `    case 'latest':
      return head.head.number`,
    replace: `    case 'latest':
      return snapshot.heads.head.number`,
    caughtBy: ['P8', 'P1'],
    scenario: 'mixed',
  },
  {
    name: 'the host answers an append before it is synced',
    file: 'src/roles/feedhost/segmented-log.ts',
    find: `    await segment.file.write(segment.end, parts)
    await segment.file.sync()`,
    replace: '    await segment.file.write(segment.end, parts)',
    caughtBy: ['P5', 'bug'],
    scenario: 'disk',
  },
  {
    name: 'a checksum that does not match is let pass',
    file: 'src/roles/feedhost/segment.ts',
    find: 'if (view.getUint32(4) !== checksumOf(head, body, checksum)) return undefined',
    replace: 'if (length === 0) return undefined',
    caughtBy: ['bug', 'P5', 'live'],
    scenario: 'disk',
  },
  {
    name: 'records can be read before they are synced',
    file: 'src/roles/feedhost/segmented-log.ts',
    find: `    await segment.file.sync()
    // Only now: nobody reads a record before it is synced.
    segment.offsets.push(...offsets)
    segment.end = at`,
    replace: `    segment.offsets.push(...offsets)
    segment.end = at
    await segment.file.sync()`,
    caughtBy: ['P5', 'bug', 'live'],
    scenario: 'disk',
  },
  {
    name: 'a higher head wins while the leader lives',
    file: 'src/protocol/feed/judging.ts',
    find: '(head.number > state.head.number && isGone(state)) || // 4c',
    replace: 'head.number > state.head.number || // 4c',
    caughtBy: ['P3'],
    scenario: 'reorgs',
  },
  {
    name: 'a client that lost its state drags the cluster back',
    file: 'src/protocol/feed/judging.ts',
    find: 'if (path.blocks.length > 0 && wins(state, tree, id, event, path))',
    replace: 'if (path.blocks.length === 0 ? id === state.leader : wins(state, tree, id, event, path))',
    caughtBy: ['P3', 'bug'],
    scenario: 'reorgs',
  },
  {
    name: 'safe goes down when a master says so',
    file: 'src/protocol/feed/judging.ts',
    find: 'else if (onChain(event.safe) && event.safe.number > state.safe.number) state.safe',
    replace: 'else if (onChain(event.safe)) state.safe',
    caughtBy: ['P3', 'bug', 'live'],
    scenario: 'reorgs',
  },
  {
    name: 'finalized goes down',
    file: 'src/protocol/feed/judging.ts',
    find: 'if (onChain(event.finalized) && event.finalized.number > state.finalized.number)',
    replace: 'if (onChain(event.finalized))',
    caughtBy: ['P3', 'bug', 'live'],
    scenario: 'mixed',
  },
  {
    name: 'a restarted master does not look what of its store is on the feed',
    file: 'src/roles/master/line-up.ts',
    find: "return number === head.number ? head : executor.ask('undoTo', { number })",
    replace: 'return number > 0 ? head : head',
    caughtBy: ['live', 'bug'],
    scenario: 'crashes',
  },
  {
    name: 'what was lost with an append is not published again',
    file: 'src/protocol/feed/publishing.ts',
    find: `  lost(): void {
    this.#appending = 0`,
    replace: `  lost(): void {
    this.appended()`,
    caughtBy: ['live', 'bug'],
    scenario: 'crashes',
  },
  {
    name: 'a block of another branch is taken for the own one',
    file: 'src/roles/master/walk.ts',
    find: "ref.number <= own.number && (await executor.ask('hashAt', { number: ref.number })) === ref.hash",
    replace: 'ref.number <= own.number',
    caughtBy: ['live', 'bug', 'P3'],
    scenario: 'reorgs',
  },
  {
    name: 'the block of a transaction is shown whatever the served head is',
    file: 'src/roles/gateway/not-in-a-block.ts',
    find: "if (method !== 'eth_getTransactionByHash' || !isInBlock(answer)) return answer",
    replace: 'if (isInBlock(answer) || method.length > 0) return answer',
    caughtBy: ['P4'],
    scenario: 'reorgs',
  },
  {
    name: 'the gateway admits everybody',
    file: 'src/roles/gateway/admission.ts',
    find: 'if (running >= limits.inFlightMax) await',
    replace: 'if (running < 0) await',
    caughtBy: ['P7'],
    scenario: 'network',
  },
  {
    name: 'a feed that refused an append is left open',
    file: 'src/roles/master/feed-link.ts',
    find: 'await current?.close().catch((thrown: unknown) => {',
    replace: 'await Promise.resolve().catch((thrown: unknown) => {',
    caughtBy: ['P7'],
    scenario: 'disk',
  },
  {
    name: 'an undone account keeps its balance',
    file: 'src/state/delta-rows.ts',
    find: 'else tx.put(table, key, before)',
    replace: "else if (table !== 'accounts') tx.put(table, key, before)",
    caughtBy: ['P1', 'bug', 'live'],
    scenario: 'deep-reorgs',
  },
  {
    name: 'a block in eight writes no history',
    file: 'src/state/history.ts',
    find: "this.#tx.put('history', historyKey(tagged, this.#block), before)",
    replace: "if (this.#block % 8 !== 3) this.#tx.put('history', historyKey(tagged, this.#block), before)",
    caughtBy: ['P1', 'bug'],
    scenario: 'deep-reorgs',
  },
  {
    name: 'the horizon is one block too near',
    file: 'src/roles/replica/horizon.ts',
    find: 'return head - horizon.blocks',
    replace: 'return head - horizon.blocks + 1',
    caughtBy: ['P1', 'P4'],
    scenario: 'deep-reorgs',
  },
  {
    name: 'what may have to be undone is pruned',
    file: 'src/roles/replica/horizon.ts',
    find: 'Math.min(heads.finalized.number, wanted(',
    replace: 'Math.min(heads.head.number, wanted(',
    caughtBy: ['P1', 'bug'],
    scenario: 'reorgs',
  },
  {
    name: 'one block more is pruned than is said',
    file: 'src/state/writer.ts',
    find: 'const state = pruneUpTo(tx, number, how)',
    replace: 'const state = pruneUpTo(tx, Math.min(number + 1, status.heads.head.number), how)',
    caughtBy: ['P1', 'bug'],
    scenario: 'deep-reorgs',
  },
  {
    name: 'a restarted replica forgets the rest of its switch',
    file: 'src/roles/replica/standing.ts',
    find: 'const plan = planIn(snapshot)',
    replace: 'const plan = snapshot.position < 0 ? planIn(snapshot) : undefined',
    caughtBy: ['bug', 'P3', 'live'],
    scenario: 'switches',
  },
  {
    name: 'an answer thread is told the answer to a question of another',
    file: 'src/roles/replica/answerers.ts',
    find: 'asker.box.post({ ...news, nonce: asker.nonce })',
    replace: 'asker.box.post(news)',
    caughtBy: ['live', 'P3'],
    scenario: 'lagging',
  },
  {
    name: 'a transaction that nobody took is said to be taken',
    file: 'src/roles/gateway/forward.ts',
    find: 'refusals.some(({ json }) => isAlreadyKnown(json)) ? transactionHash(params) : undefined',
    replace: 'transactionHash(params)',
    caughtBy: ['P5'],
    scenario: 'crashes',
  },
  {
    name: 'a transaction that a client knows already is refused',
    file: 'src/roles/gateway/forward.ts',
    find: "return typeof message === 'string' && ALREADY_KNOWN.test(message)",
    replace: "return typeof message !== 'string' && ALREADY_KNOWN.test('')",
    caughtBy: ['P4'],
    scenario: 'calm',
  },
]
