/** POST /v1/embeddings and /v1/rerank, for models trained for that (Qwen3-Embedding, Qwen3-Reranker). */
import { z } from 'zod';
import { integer } from '../schema/index.ts';
import { END_OF_TEXT, rerankerPrompt } from '../model/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import { readBody } from './body.ts';
import { Lifetime } from './lifetime.ts';
import { encodeAll } from './prompts.ts';
import type { Service } from './service.ts';
import { IDLE_FIELDS, requireModel } from './settings.ts';

const text = z.string('a text');
const ids = z.array(integer(0, 2 ** 31), 'a list of token ids');

const EMBEDDING_BODY = z.strictObject({
  ...IDLE_FIELDS,
  model: text.nullish(),
  input: z.union([text, ids, z.array(text), z.array(ids)], {
    error: 'a text, a list of token ids, or a list of either',
  }),
  dimensions: integer(1, 1e6).nullish(),
  encoding_format: z.enum(['float', 'base64'], '"float" or "base64"').nullish(),
});

export async function answerEmbeddings(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, EMBEDDING_BODY, service.limits);
  requireModel(body.model, service);
  const texts = await textsOf(body.input, service);
  const lifetime = new Lifetime(request, service.limits);
  const rows = await service.retrieval.embedAll(texts, body.dimensions ?? undefined, lifetime);
  const base64 = body.encoding_format === 'base64';
  return Response.json({
    object: 'list',
    model: service.name,
    data: rows.map((row, index) => ({
      object: 'embedding',
      index,
      embedding: base64 ? base64Of(row) : [...row],
    })),
    usage: tokensOf(texts),
  });
}

/** Texts are ended as the model was trained; token ids are taken as they are. */
function textsOf(
  input: z.output<typeof EMBEDDING_BODY>['input'],
  service: Service,
): Promise<(readonly number[])[]> {
  const one = typeof input === 'string' || (typeof input[0] === 'number' && input.length > 0);
  const items = (one ? [input] : input) as readonly (string | readonly number[])[];
  requireCount('input', items.length, service);
  const ended = items.map((item) => (typeof item === 'string' ? item + endOfText(service) : item));
  return encodeAll(ended, service);
}

function endOfText({ model }: Service): string {
  return model.tokenizer.specialTokens.has(END_OF_TEXT) ? END_OF_TEXT : '';
}

/** The numbers as f32, little-endian. */
function base64Of(row: Float32Array): string {
  const view = new DataView(new ArrayBuffer(row.length * 4));
  for (const [i, value] of row.entries()) view.setFloat32(i * 4, value, true);
  return new Uint8Array(view.buffer).toBase64();
}

const document = z.union([text, z.object({ text })], { error: 'a text, or {"text": …}' });

const RERANK_BODY = z.strictObject({
  ...IDLE_FIELDS,
  model: text.nullish(),
  query: text,
  documents: z.array(document, 'a list of texts'),
  top_n: integer(1, 1e6).nullish(),
  return_documents: z.boolean('true or false').nullish(),
  instruction: text.nullish(),
});

export async function answerRerank(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, RERANK_BODY, service.limits);
  requireModel(body.model, service);
  requireCount('documents', body.documents.length, service);
  const { query, instruction, top_n: most, return_documents: returns = true } = body;
  const documents = body.documents.map((given) => (typeof given === 'string' ? given : given.text));
  const prompts = documents.map((given) => rerankerPrompt(query, given, instruction ?? undefined));
  const texts = await encodeAll(prompts, service);
  const answers = answersOf(service);
  const lifetime = new Lifetime(request, service.limits);
  const scores = await service.retrieval.rankAll(texts, answers, lifetime);
  const results = scores
    .map((score, index) => ({
      index,
      relevance_score: score,
      ...(returns !== false && { document: { text: documents[index]! } }),
    }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, most ?? undefined);
  return Response.json({
    id: `rerank-${crypto.randomUUID()}`,
    model: service.name,
    results,
    usage: tokensOf(texts),
  });
}

function answersOf({ model }: Service): { readonly yes: number; readonly no: number } {
  const [yes, no] = ['yes', 'no'].map((word) => model.tokenizer.encode(word));
  if (yes!.length === 1 && no!.length === 1) return { yes: yes![0]!, no: no![0]! };
  throw unsupported('rerank', 'the vocabulary of the model has no tokens "yes" and "no"');
}

function requireCount(param: string, count: number, { limits }: Service): void {
  if (count >= 1 && count <= limits.texts) return;
  throw new ApiError(400, `${param} must be 1 to ${limits.texts} texts, not ${count}`, {
    param,
    code: 'invalid_value',
  });
}

function tokensOf(texts: readonly (readonly number[])[]): object {
  const tokens = texts.reduce((sum, { length }) => sum + length, 0);
  return { prompt_tokens: tokens, total_tokens: tokens };
}
