/** POST /tokenize and /detokenize, with the fields of vLLM's and of llama.cpp's. */
import { z } from 'zod';
import { integer } from '../schema/index.ts';
import { ApiError } from './apiError.ts';
import { readBody } from './body.ts';
import { encodePrompt } from './prompts.ts';
import type { Service } from './service.ts';
import { requireModel } from './settings.ts';

const text = z.string('a text');
const model = text.nullish();

const TOKENIZE_BODY = z.strictObject({ model, prompt: text.nullish(), content: text.nullish() });
const DETOKENIZE_BODY = z.strictObject({
  model,
  tokens: z.array(integer(0, 2 ** 31), 'a list of token ids'),
});

export async function tokenize(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, TOKENIZE_BODY, service.limits);
  requireModel(body.model, service);
  const text = body.prompt ?? body.content;
  if (typeof text !== 'string')
    throw new ApiError(400, 'prompt must be a text, but it is absent', { param: 'prompt' });
  const tokens = await encodePrompt(text, service);
  const { contextTokens } = service.loop;
  return Response.json({ count: tokens.length, max_model_len: contextTokens, tokens });
}

export async function detokenize(service: Service, request: Request): Promise<Response> {
  const body = await readBody(request, DETOKENIZE_BODY, service.limits);
  requireModel(body.model, service);
  const prompt = service.model.tokenizer.decode(body.tokens);
  return Response.json({ prompt, content: prompt });
}
