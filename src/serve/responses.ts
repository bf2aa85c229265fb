/**
 * POST /v1/responses [1]: a chat whose answer is a list of items. Nothing is kept, so each request brings
 * the whole conversation.
 *
 * [1] https://platform.openai.com/docs/api-reference/responses
 */
import { readBody } from './body.ts';
import { eventStream, type SentEvent } from './eventStream.ts';
import { startGeneration, type Piece } from './generation.ts';
import { Lifetime } from './lifetime.ts';
import { RESPONSES_BODY, responsesRequest, type ResponsesBody } from './responsesBody.ts';
import { ResponseItems, type ItemEvent } from './responseItems.ts';
import type { Service } from './service.ts';
import { responseUsageOf, timingsOf } from './usage.ts';

type End = Piece & { readonly kind: 'end' };

export async function answerResponse(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, RESPONSES_BODY, service.limits);
  const asked = await responsesRequest(body, service);
  const lifetime = new Lifetime(request, service.limits);
  const pieces = startGeneration(service, asked, lifetime);
  const answer = new ResponseAnswer(service, body);
  if (body.stream === true)
    return eventStream(answer.events(pieces), service.limits, lifetime.cancel);
  return Response.json(await answer.whole(pieces));
}

class ResponseAnswer {
  readonly #items = new ResponseItems();
  readonly #frame: object;
  #sequence = 0;

  constructor({ name }: Service, body: ResponsesBody) {
    this.#frame = {
      id: `resp_${crypto.randomUUID().replaceAll('-', '')}`,
      object: 'response',
      created_at: Math.floor(Date.now() / 1000),
      model: name,
      error: null,
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      metadata: body.metadata ?? {},
      parallel_tool_calls: body.parallel_tool_calls ?? true,
      previous_response_id: null,
      store: false,
      temperature: body.temperature ?? null,
      tool_choice: body.tool_choice ?? 'auto',
      tools: body.tools ?? [],
      top_p: body.top_p ?? null,
      truncation: 'disabled',
    };
  }

  async whole(pieces: AsyncIterable<Piece>): Promise<object> {
    let end: End | undefined;
    for await (const piece of pieces) {
      if (piece.kind === 'end') end = piece;
      else for (const part of piece.parts) this.#items.take(part);
    }
    this.#items.end(statusOf(end!));
    return this.#ended(end!);
  }

  async *events(pieces: AsyncIterable<Piece>): AsyncGenerator<SentEvent, void> {
    const begun = {
      ...this.#frame,
      status: 'in_progress',
      incomplete_details: null,
      output: [],
      usage: null,
    };
    yield this.#event({ type: 'response.created', response: begun });
    yield this.#event({ type: 'response.in_progress', response: begun });
    let end: End | undefined;
    for await (const piece of pieces) {
      if (piece.kind === 'end') end = piece;
      else for (const part of piece.parts) yield* this.#all(this.#items.take(part));
    }
    const status = statusOf(end!);
    yield* this.#all(this.#items.end(status));
    yield this.#event({ type: `response.${status}`, response: this.#ended(end!) });
  }

  #ended(end: End): object {
    const { usage } = end;
    const status = statusOf(end);
    return {
      ...this.#frame,
      status,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      output: this.#items.output,
      output_text: this.#items.text,
      usage: responseUsageOf(usage),
      timings: timingsOf(usage),
    };
  }

  *#all(events: readonly ItemEvent[]): Generator<SentEvent> {
    for (const event of events) yield this.#event(event);
  }

  #event({ type, ...rest }: ItemEvent): SentEvent {
    return { type, data: { type, sequence_number: this.#sequence++, ...rest } };
  }
}

function statusOf({ reason }: End): 'completed' | 'incomplete' {
  return reason === 'length' ? 'incomplete' : 'completed';
}
