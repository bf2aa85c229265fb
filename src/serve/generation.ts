/** One or more texts from the engine, as the pieces that endpoints send on. */
import type {
  EngineEvent,
  EngineRequest,
  RequestUsage,
  SamplingOptions,
  TokenConstraint,
  TokenLogprob,
} from '../engine/index.ts';
import type { ReplyEvent } from '../model/index.ts';
import { ApiError, apiErrorOf } from './apiError.ts';
import { ChoiceReader, type ReplyReader } from './choiceReader.ts';
import type { Submission } from './engineLoop.ts';
import type { Lifetime } from './lifetime.ts';
import type { Service } from './service.ts';

export interface GenerationRequest {
  /** Token ids; each prompt is answered `n` times. */
  readonly prompts: readonly (readonly number[])[];
  readonly n: number;
  readonly maxNewTokens: number | undefined;
  readonly sampling: SamplingOptions;
  readonly stop: readonly string[];
  /** How many of the likeliest tokens to tell with each token; nothing about tokens when absent. */
  readonly logprobs?: number | undefined;
  /** Stop after the first call of a tool. */
  readonly oneCall?: boolean;
  startConstraint?(): TokenConstraint;
  startReader(): ReplyReader;
}

export interface TokenReport {
  readonly token: number;
  readonly logprob: number;
  readonly top: readonly TokenLogprob[];
}

/** Why a text ended, in the words of the API. */
export type EndReason = 'stop' | 'length' | 'tool_calls';

/** `choice` counts the texts: those of the first prompt, then those of the second. */
export type Piece =
  | {
      readonly kind: 'parts';
      readonly choice: number;
      readonly parts: readonly ReplyEvent[];
      /** Tokens since the last piece; reported only when logprobs were asked for. */
      readonly tokens: readonly TokenReport[];
    }
  | {
      readonly kind: 'end';
      readonly choice: number;
      readonly reason: EndReason;
      readonly usage: ChoiceUsage;
    };

export interface ChoiceUsage extends RequestUsage {
  readonly reasoningTokens: number;
}

/**
 * Starts to generate; what is wrong with the request is thrown before anything is. The end of `lifetime` ends
 * it, and so does a consumer that stops reading.
 */
export function startGeneration(
  service: Service,
  request: GenerationRequest,
  lifetime: Lifetime,
): AsyncGenerator<Piece, void> {
  try {
    const [requests, readers] = requestsOf(service, request);
    return pieces(service.loop.submit(requests), readers, lifetime);
  } catch (error) {
    lifetime.end();
    throw error;
  }
}

/** What the engine is asked, and who reads each answer. */
function requestsOf(
  service: Service,
  request: GenerationRequest,
): [EngineRequest[], Map<string, ChoiceReader>] {
  const id = crypto.randomUUID();
  const readers = new Map<string, ChoiceReader>();
  const requests = request.prompts.flatMap((prompt, at) =>
    Array.from({ length: request.n }, (_, i) => {
      const choice = at * request.n + i;
      readers.set(`${id}-${choice}`, new ChoiceReader(service, request, choice));
      return engineRequest(service, request, prompt, `${id}-${choice}`, i);
    }),
  );
  return [requests, readers];
}

/** Answers of one prompt differ by their seeds. */
function engineRequest(
  { generation, loop }: Service,
  request: GenerationRequest,
  prompt: readonly number[],
  id: string,
  answer: number,
): EngineRequest {
  const { sampling, logprobs } = request;
  const room = loop.contextTokens - prompt.length;
  if (room <= 0) throw tooLong(prompt.length, loop.contextTokens);
  const constraint = request.startConstraint?.();
  return {
    id,
    prompt,
    maxNewTokens: Math.min(request.maxNewTokens ?? room, room),
    eosTokenIds: generation.eosTokenIds,
    sampling: { ...sampling, seed: sampling.seed + answer },
    ...(logprobs !== undefined && { logprobs }),
    ...(constraint && { constraint }),
  };
}

export function tooLong(tokens: number, contextTokens: number): ApiError {
  return new ApiError(
    400,
    `the prompt must have fewer tokens than the context of ${contextTokens}, not ${tokens}`,
    { code: 'context_length_exceeded' },
  );
}

async function* pieces(
  submission: Submission,
  readers: ReadonlyMap<string, ChoiceReader>,
  lifetime: Lifetime,
): AsyncGenerator<Piece, void> {
  const { signal } = lifetime;
  const abort = (): void => submission.abort();
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    for await (const event of submission) {
      signal.throwIfAborted();
      const reader = readers.get(event.id)!;
      for (const piece of piecesOf(event, reader)) yield piece;
      if (event.kind === 'token' && reader.stopped) submission.abort(event.id);
    }
  } finally {
    lifetime.end();
    abort();
  }
}

function piecesOf(event: EngineEvent, reader: ChoiceReader): Piece[] {
  switch (event.kind) {
    case 'token':
      return reader.token(event);
    case 'finished':
      return reader.finished(event);
    case 'failed':
      throw apiErrorOf(event.error);
  }
}
