/**
 * Records of the feed as bytes (proto/drover/feed/v1). Masters write schema v; readers read v and v−1 and refuse v+1, or a kind that they
 * do not know, by name: a reader that skipped what it does not understand would decide otherwise than the rest of its cluster.
 */
import { LEVELS } from '#chain/block/frame.ts'
import { bigintFrom, bigintTo, fromHex, trimZeros } from '#kernel/bytes.ts'
import { Fault, messageOf } from '#kernel/fault.ts'
import {
  type Beat,
  type FeedRecord,
  type FramePart,
  type Generation,
  type HeadEvent,
  PHASES,
  type RecordBody,
} from '#protocol/feed/frames/records.ts'
import { digest, fixed, hash, level, malformed, name, number, place, ref, refFields } from './convert.ts'
import { type Record as RecordMessage, RecordSchema } from './gen/drover/feed/v1/feed_pb.js'
import { create, fromBinary, toBinary } from './protobuf.ts'

export const SCHEMA = 1

const KINDS: readonly string[] = [
  'generation',
  'framePart',
  'headEvent',
  'beat',
  'maintenanceLease',
  'maintenanceRelease',
] satisfies RecordBody['kind'][]

/** Parts of one frame; the worst legal block is a few MB, a part up to 900 KB. */
const PARTS_MAX = 256

type BodyMessage = RecordMessage['body']

export function encodeRecord(record: FeedRecord): Uint8Array {
  const { body, epoch, sequence, ...envelope } = record
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      schema: SCHEMA,
      kind: body.kind,
      ...envelope,
      epoch: BigInt(epoch),
      sequence: BigInt(sequence),
      body: encodeBody(body) as never,
    }),
  )
}

/** @throws Fault wire/newer-schema, wire/unknown-kind, wire/malformed */
export function decodeRecord(bytes: Uint8Array): FeedRecord {
  const message = parse(bytes)
  if (message.schema > SCHEMA || message.schema < Math.max(1, SCHEMA - 1)) {
    throw new Fault(
      'wire/newer-schema',
      `a record has schema ${message.schema}; this release reads ${Math.max(1, SCHEMA - 1)} to ${SCHEMA}: upgrade readers before masters`,
      { schema: message.schema },
    )
  }
  return {
    cluster: message.cluster,
    producer: message.producer,
    epoch: number(message.epoch, 'epoch'),
    incarnation: message.incarnation,
    sequence: number(message.sequence, 'sequence'),
    body: decodeBody(message),
  }
}

function parse(bytes: Uint8Array): RecordMessage {
  try {
    return fromBinary(RecordSchema, bytes)
  } catch (cause) {
    throw new Fault('wire/malformed', `a record of the feed is malformed: ${messageOf(cause)}`, {}, { cause })
  }
}

function encodeBody(body: RecordBody): object {
  switch (body.kind) {
    case 'generation':
      return { case: 'generation', value: encodeGeneration(body) }
    case 'framePart':
      return { case: 'framePart', value: encodePart(body) }
    case 'headEvent':
      return { case: 'headEvent', value: encodeHeadEvent(body) }
    case 'beat':
      return { case: 'beat', value: encodeBeat(body) }
    case 'maintenanceLease': {
      const { lease, client, reason, others, alarmAfterMs, override } = body
      const value = { lease, clientId: client, reason, others, alarmAfterMs: BigInt(alarmAfterMs), override }
      return { case: 'maintenanceLease', value }
    }
    case 'maintenanceRelease':
      return { case: 'maintenanceRelease', value: { lease: body.lease } }
  }
}

function decodeBody({ kind, body }: RecordMessage): RecordBody {
  if (!KINDS.includes(kind)) {
    throw new Fault(
      'wire/unknown-kind',
      `a record is of the kind "${kind}", which this release does not know: upgrade it`,
      { kind },
    )
  }
  if (body.case !== kind) throw malformed(`it says ${kind} and holds ${body.case ?? 'nothing'}`)
  return decodeKnown(body)
}

function decodeKnown(body: BodyMessage): RecordBody {
  switch (body.case) {
    case 'generation': {
      const { value } = body
      return {
        kind: 'generation',
        chainId: bigintFrom(value.chainId),
        genesisHash: hash(value.genesisHash, 'genesis hash'),
        generation: value.generation,
        base: ref(value.base, 'base'),
        baseHeader: value.baseHeader,
        baseStateRoot: digest(value.baseStateRoot, 'base state root'),
        settings: { agree: value.settings?.agree ?? 1 },
      }
    }
    case 'framePart':
      return decodePart(body.value)
    case 'headEvent': {
      const { value } = body
      return {
        kind: 'headEvent',
        head: ref(value.head, 'head'),
        ...(value.safe && { safe: ref(value.safe, 'safe') }),
        ...(value.finalized && { finalized: ref(value.finalized, 'finalized') }),
        checked: value.checked.map((entry) => ({
          block: ref(entry.block, 'a checked block'),
          deltaHash: digest(entry.deltaHash, 'delta hash'),
          level: level(entry.level),
        })),
      }
    }
    case 'beat': {
      const { value } = body
      return {
        kind: 'beat',
        phase: name(PHASES, value.phase, 'phase'),
        head: ref(value.head, 'head'),
        client: {
          ...{ id: value.clientId, version: value.clientVersion },
          ...(value.clientEnode !== '' && { enode: value.clientEnode }),
        },
      }
    }
    case 'maintenanceLease': {
      const { lease, clientId, reason, others, alarmAfterMs, override } = body.value
      return {
        kind: 'maintenanceLease',
        ...{ lease, client: clientId, reason, others, override },
        alarmAfterMs: number(alarmAfterMs, 'time of the alarm'),
      }
    }
    case 'maintenanceRelease':
      return { kind: 'maintenanceRelease', lease: body.value.lease }
    default:
      throw malformed('it has no body')
  }
}

function encodeGeneration(body: Generation): object {
  return {
    chainId: trimZeros(bigintTo(body.chainId, 32)),
    genesisHash: fromHex(body.genesisHash),
    generation: body.generation,
    base: refFields(body.base),
    baseHeader: body.baseHeader,
    baseStateRoot: fromHex(body.baseStateRoot),
    settings: { agree: body.settings.agree },
  }
}

function encodePart(body: FramePart): object {
  return {
    block: refFields(body.block),
    parent: fromHex(body.parent),
    frameDigest: fromHex(body.frameDigest),
    deltaHash: fromHex(body.deltaHash),
    level: place(LEVELS, body.level),
    index: body.index,
    count: body.count,
    data: body.bytes,
  }
}

function decodePart(value: Extract<BodyMessage, { case: 'framePart' }>['value']): FramePart {
  const { index, count } = value
  if (count < 1 || count > PARTS_MAX || index >= count) throw malformed(`part ${index} of ${count}`)
  return {
    kind: 'framePart',
    block: ref(value.block, 'block'),
    parent: hash(value.parent, 'parent'),
    frameDigest: digest(fixed(value.frameDigest, 32, 'frame digest'), 'frame digest'),
    deltaHash: digest(value.deltaHash, 'delta hash'),
    level: level(value.level),
    index,
    count,
    bytes: value.data,
  }
}

function encodeHeadEvent(body: HeadEvent): object {
  return {
    head: refFields(body.head),
    ...(body.safe && { safe: refFields(body.safe) }),
    ...(body.finalized && { finalized: refFields(body.finalized) }),
    checked: body.checked.map((entry) => ({
      block: refFields(entry.block),
      deltaHash: fromHex(entry.deltaHash),
      level: place(LEVELS, entry.level),
    })),
  }
}

function encodeBeat(body: Beat): object {
  return {
    phase: place(PHASES, body.phase),
    head: refFields(body.head),
    clientId: body.client.id,
    clientVersion: body.client.version,
    clientEnode: body.client.enode ?? '',
  }
}
