/** POST /v1/completions: text that goes on from a prompt as it stands. */
import { z } from 'zod';
import { integer } from '../schema/index.ts';
import { ApiError } from './apiError.ts';
import { readBody } from './body.ts';
import { PLAIN_READER } from './choiceReader.ts';
import { eventStream, type SentEvent } from './eventStream.ts';
import {
  startGeneration,
  type EndReason,
  type GenerationRequest,
  type Piece,
  type TokenReport,
} from './generation.ts';
import { Lifetime } from './lifetime.ts';
import { encodeAll } from './prompts.ts';
import type { Service } from './service.ts';
import { IDLE_FIELDS, refuseFields, TEXT_FIELDS, textSettings } from './settings.ts';
import { completionLogprobs } from './tokenReports.ts';
import { timingsOf, usageOf } from './usage.ts';

const text = z.string('a text');
const ids = z.array(integer(0, 2 ** 31), 'a list of token ids');

const COMPLETION_BODY = z.strictObject({
  ...TEXT_FIELDS,
  ...IDLE_FIELDS,
  prompt: z.union([text, ids, z.array(text), z.array(ids)], {
    error: 'a text, a list of token ids, or a list of either',
  }),
  logprobs: integer(0, 20).nullish(),
  echo: z.literal(false, 'false: this server does not repeat the prompt').nullish(),
  best_of: z.unknown().optional(),
  suffix: z.unknown().optional(),
});

type CompletionBody = z.output<typeof COMPLETION_BODY>;
type End = Piece & { readonly kind: 'end' };

const REFUSED = {
  best_of: 'ask for n answers and choose',
  suffix: 'the model only goes on from the end of a text',
};

/** As in the API: what generates without a word about length gives this many tokens. */
const DEFAULT_TOKENS = 16;

export async function answerCompletion(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, COMPLETION_BODY, service.limits);
  const asked = await completionRequest(body, service);
  const lifetime = new Lifetime(request, service.limits);
  const pieces = startGeneration(service, asked, lifetime);
  const answer = new CompletionAnswer(service, body, asked);
  if (body.stream === true)
    return eventStream(answer.chunks(pieces), service.limits, lifetime.cancel);
  return Response.json(await answer.whole(pieces));
}

async function completionRequest(
  body: CompletionBody,
  service: Service,
): Promise<GenerationRequest> {
  refuseFields(body, REFUSED);
  const settings = textSettings(
    { ...body, max_tokens: body.max_tokens ?? DEFAULT_TOKENS },
    service,
  );
  const prompts = await promptsOf(body.prompt, service);
  if (prompts.length * settings.n > service.limits.answers)
    throw new ApiError(
      400,
      `prompts times n must be at most ${service.limits.answers}, not ${prompts.length * settings.n}`,
      { param: 'prompt', code: 'invalid_value' },
    );
  return {
    ...settings,
    prompts,
    logprobs: body.logprobs ?? undefined,
    startReader: () => PLAIN_READER,
  };
}

async function promptsOf(
  prompt: CompletionBody['prompt'],
  service: Service,
): Promise<(readonly number[])[]> {
  if (typeof prompt === 'string') return encodeAll([prompt], service);
  if (prompt.length === 0)
    throw new ApiError(400, 'prompt must not be empty', { param: 'prompt', code: 'invalid_value' });
  if (prompt.every((item) => typeof item === 'number')) return [prompt];
  return encodeAll(prompt as (string | number[])[], service);
}

class CompletionAnswer {
  readonly #service: Service;
  readonly #body: CompletionBody;
  readonly #asked: GenerationRequest;
  readonly #frame: object;
  /** Characters of each choice so far. */
  readonly #lengths: number[];

  constructor(service: Service, body: CompletionBody, asked: GenerationRequest) {
    this.#service = service;
    this.#body = body;
    this.#asked = asked;
    this.#lengths = Array.from({ length: asked.prompts.length * asked.n }, () => 0);
    this.#frame = {
      id: `cmpl-${crypto.randomUUID()}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model: service.name,
      system_fingerprint: service.fingerprint,
    };
  }

  async whole(pieces: AsyncIterable<Piece>): Promise<object> {
    const texts = this.#lengths.map(() => '');
    const tokens: TokenReport[][] = this.#lengths.map(() => []);
    const ends: End[] = [];
    for await (const piece of pieces) {
      if (piece.kind === 'end') ends[piece.choice] = piece;
      else {
        texts[piece.choice] += textOf(piece);
        for (const token of piece.tokens) tokens[piece.choice]!.push(token);
      }
    }
    const choices = ends.map(({ reason }, i) => this.#choice(i, texts[i]!, tokens[i]!, reason));
    return { ...this.#frame, choices, ...this.#cost(ends) };
  }

  async *chunks(pieces: AsyncIterable<Piece>): AsyncGenerator<SentEvent, void> {
    const ends: End[] = [];
    for await (const piece of pieces) {
      if (piece.kind === 'end') {
        ends[piece.choice] = piece;
        const choice = this.#choice(piece.choice, '', [], piece.reason);
        yield this.#chunk([choice], { timings: timingsOf(piece.usage) });
      } else yield this.#chunk([this.#choice(piece.choice, textOf(piece), piece.tokens, null)]);
    }
    if (this.#body.stream_options?.include_usage === true) yield this.#chunk([], this.#cost(ends));
    yield { data: '[DONE]' };
  }

  #choice(
    index: number,
    text: string,
    tokens: readonly TokenReport[],
    reason: EndReason | null,
  ): object {
    const offset = this.#lengths[index]!;
    this.#lengths[index] = offset + text.length;
    const { tokenizer } = this.#service.model;
    const logprobs =
      this.#asked.logprobs === undefined ? null : completionLogprobs(tokens, tokenizer, offset);
    return { index, text, logprobs, finish_reason: reason };
  }

  #chunk(choices: readonly object[], more: object = {}): SentEvent {
    const usage = this.#body.stream_options?.include_usage === true ? { usage: null } : {};
    return { data: { ...this.#frame, choices, ...usage, ...more } };
  }

  #cost(ends: readonly End[]): object {
    const usages = ends.map(({ usage }) => usage);
    return { usage: usageOf(usages, this.#asked.n), timings: timingsOf(usages[0]!) };
  }
}

function textOf({ parts }: Piece & { readonly kind: 'parts' }): string {
  return parts.map((part) => ('text' in part ? part.text : '')).join('');
}
