/** How a method is answered: from its parameters, in the view of a body. */
import type { EncodedResult } from '#rpc/answer.ts'
import type { Json } from '#rpc/encode/encode.ts'
import type { AnswerContext } from './answer-context.ts'

/** @throws RpcFailure, ForwardWanted, NotHereYet */
export type Handler = (params: unknown, context: AnswerContext) => Json | EncodedResult
export type Handlers = Readonly<Record<string, Handler>>
