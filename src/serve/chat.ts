/** POST /v1/chat/completions. */
import { messageOf, type ReplyEvent } from '../model/index.ts';
import { readBody } from './body.ts';
import { CHAT_BODY, chatRequest, type ChatBody } from './chatBody.ts';
import { eventStream, type SentEvent } from './eventStream.ts';
import { startGeneration, type EndReason, type Piece, type TokenReport } from './generation.ts';
import { Lifetime } from './lifetime.ts';
import type { Service } from './service.ts';
import { chatLogprobs } from './tokenReports.ts';
import { timingsOf, usageOf } from './usage.ts';

type End = Piece & { readonly kind: 'end' };

/** What stands in every object of one answer. */
interface Frame {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export async function answerChat(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, CHAT_BODY, service.limits);
  const asked = await chatRequest(body, service);
  const lifetime = new Lifetime(request, service.limits);
  const pieces = startGeneration(service, asked, lifetime);
  const answer = new ChatAnswer(service, body, asked.n);
  if (body.stream === true)
    return eventStream(answer.chunks(pieces), service.limits, lifetime.cancel);
  return Response.json(await answer.whole(pieces));
}

/** Writes the pieces of one answer down, as one object or as chunks. */
class ChatAnswer {
  readonly #service: Service;
  readonly #body: ChatBody;
  readonly #n: number;
  readonly #frame: Frame;
  /** Ids of calls, by choice and place. */
  readonly #callIds = new Map<string, string>();

  constructor(service: Service, body: ChatBody, n: number) {
    this.#service = service;
    this.#body = body;
    this.#n = n;
    this.#frame = {
      id: `chatcmpl-${crypto.randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: service.name,
      system_fingerprint: service.fingerprint,
    };
  }

  async whole(pieces: AsyncIterable<Piece>): Promise<object> {
    const parts: ReplyEvent[][] = Array.from({ length: this.#n }, () => []);
    const tokens: TokenReport[][] = Array.from({ length: this.#n }, () => []);
    const ends: End[] = [];
    for await (const piece of pieces) {
      if (piece.kind === 'end') {
        ends[piece.choice] = piece;
        continue;
      }
      for (const part of piece.parts) parts[piece.choice]!.push(part);
      for (const token of piece.tokens) tokens[piece.choice]!.push(token);
    }
    const choices = ends.map(({ reason }, choice) =>
      this.#choice(choice, parts[choice]!, tokens[choice]!, reason),
    );
    return { ...this.#frame, object: 'chat.completion', choices, ...this.#cost(ends) };
  }

  #choice(
    index: number,
    parts: readonly ReplyEvent[],
    tokens: readonly TokenReport[],
    reason: EndReason,
  ): object {
    const { tool_calls: calls, ...message } = messageOf(parts);
    return {
      index,
      message: {
        ...message,
        refusal: null,
        ...(calls && {
          tool_calls: calls.map((call, i) => ({ id: this.#callId(index, i), ...call })),
        }),
      },
      logprobs: this.#logprobs(tokens),
      finish_reason: reason,
    };
  }

  async *chunks(pieces: AsyncIterable<Piece>): AsyncGenerator<SentEvent, void> {
    const ends: End[] = [];
    for (let choice = 0; choice < this.#n; choice++)
      yield this.#chunk(choice, { role: 'assistant', content: '' });
    for await (const piece of pieces) {
      if (piece.kind === 'end') {
        ends[piece.choice] = piece;
        yield this.#chunk(piece.choice, {}, piece.reason, { timings: timingsOf(piece.usage) });
      } else for (const delta of this.#deltas(piece)) yield delta;
    }
    if (this.#body.stream_options?.include_usage === true)
      yield { data: { ...this.#frame, object: CHUNK, choices: [], ...this.#cost(ends) } };
    yield { data: '[DONE]' };
  }

  /** Probabilities go with the first part of the text that their tokens were needed for. */
  *#deltas({ choice, parts, tokens }: Piece & { readonly kind: 'parts' }): Generator<SentEvent> {
    const deltas = parts.map((part) => this.#delta(choice, part)).filter((delta) => delta !== null);
    if (deltas.length === 0 && tokens.length > 0) deltas.push({ content: '' });
    for (const [i, delta] of deltas.entries()) {
      const logprobs = i === 0 && tokens.length > 0 ? this.#logprobs(tokens) : null;
      yield this.#chunk(choice, delta, null, {}, logprobs);
    }
  }

  #delta(choice: number, part: ReplyEvent): object | null {
    switch (part.kind) {
      case 'content':
        return { content: part.text };
      case 'reasoning':
        return { reasoning_content: part.text };
      case 'callBegin': {
        const id = this.#callId(choice, part.call);
        const begun = { name: part.name, arguments: '' };
        return { tool_calls: [{ index: part.call, id, type: 'function', function: begun }] };
      }
      case 'callArguments':
        return { tool_calls: [{ index: part.call, function: { arguments: part.text } }] };
      case 'callEnd':
        return null;
    }
  }

  #chunk(
    index: number,
    delta: object,
    reason: EndReason | null = null,
    more: object = {},
    logprobs: object | null = null,
  ): SentEvent {
    const choices = [{ index, delta, logprobs, finish_reason: reason }];
    const usage = this.#body.stream_options?.include_usage === true ? { usage: null } : {};
    return { data: { ...this.#frame, object: CHUNK, choices, ...usage, ...more } };
  }

  #callId(choice: number, call: number): string {
    const key = `${choice} ${call}`;
    const id = this.#callIds.get(key) ?? `call_${crypto.randomUUID().replaceAll('-', '')}`;
    this.#callIds.set(key, id);
    return id;
  }

  #logprobs(tokens: readonly TokenReport[]): object | null {
    return this.#body.logprobs === true
      ? chatLogprobs(tokens, this.#service.model.tokenizer)
      : null;
  }

  #cost(ends: readonly End[]): object {
    const usages = ends.map(({ usage }) => usage);
    return { usage: usageOf(usages, this.#n), timings: timingsOf(usages[0]!) };
  }
}

const CHUNK = 'chat.completion.chunk';
