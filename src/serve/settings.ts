/** Fields that the endpoints for text have in common, and what they mean to the engine. */
import { z } from 'zod';
import { integer, number } from '../schema/index.ts';
import { requireSampling, type SamplingOptions } from '../engine/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import type { GenerationRequest } from './generation.ts';
import type { Service } from './service.ts';

const MAX_STOPS = 16;
const MAX_STOP_CHARACTERS = 256;

export const stopText = z
  .string('a text')
  .min(1, 'a text that is not empty')
  .max(MAX_STOP_CHARACTERS, `a text of at most ${MAX_STOP_CHARACTERS} characters`);

const truth = z.boolean('true or false');

/** A field that may be left out, or be null, which is the same. */
export const flag = truth.nullish();

/** What says how tokens are chosen. `min_p`, `top_k` and `repetition_penalty` are named as in vLLM. */
export const SAMPLING_FIELDS = {
  temperature: number(0, 100).nullish(),
  top_p: number(0, 1).nullish(),
  top_k: integer(-1, 1e7).nullish(),
  seed: integer(-(2 ** 52), 2 ** 52).nullish(),
  min_p: number(0, 1).nullish(),
  repetition_penalty: number(0, 100).nullish(),
  presence_penalty: number(-2, 2).nullish(),
  frequency_penalty: number(-2, 2).nullish(),
  logit_bias: z.record(z.string().regex(/^\d{1,9}$/, 'a token id'), number(-100, 100)).nullish(),
};

export const TEXT_FIELDS = {
  ...SAMPLING_FIELDS,
  model: z.string('a text').nullish(),
  n: integer(1, 1e6).nullish(),
  max_tokens: integer(1, 1e9).nullish(),
  stop: z
    .union([stopText, z.array(stopText).max(MAX_STOPS, `at most ${MAX_STOPS} texts`)], {
      error: `a text of 1 to ${MAX_STOP_CHARACTERS} characters, or at most ${MAX_STOPS} of them`,
    })
    .nullish(),
  stream: flag,
  stream_options: z
    .strictObject({ include_usage: flag, include_obfuscation: flag }, 'an object')
    .nullish(),
};

/** What says who asks, or where a hosted service would keep or bill it: nothing here depends on it. */
export const IDLE_FIELDS = {
  user: z.string('a text').nullish(),
  metadata: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
  service_tier: z.unknown().optional(),
};

type SamplingFields = z.output<z.ZodObject<typeof SAMPLING_FIELDS>>;
type TextFields = z.output<z.ZodObject<typeof TEXT_FIELDS>>;

/** What is not said is as the model's makers have it; without a seed each request has one of its own. */
export function samplingOf(fields: SamplingFields, { generation, loop }: Service): SamplingOptions {
  const biases = Object.entries(fields.logit_bias ?? {});
  const sampling = {
    temperature: fields.temperature ?? generation.temperature,
    topK: Math.max(0, fields.top_k ?? generation.topK),
    topP: fields.top_p ?? generation.topP,
    seed: fields.seed ?? randomSeed(),
    minP: fields.min_p ?? 0,
    repetitionPenalty: fields.repetition_penalty ?? 1,
    presencePenalty: fields.presence_penalty ?? 0,
    frequencyPenalty: fields.frequency_penalty ?? 0,
    logitBias: new Map(biases.map(([token, bias]) => [Number(token), bias])),
  };
  requireSampling(sampling, loop.vocabularySize);
  return sampling;
}

/** The part of a request for text that all endpoints read alike. */
export function textSettings(
  fields: TextFields,
  service: Service,
): Pick<GenerationRequest, 'n' | 'sampling' | 'stop' | 'maxNewTokens'> {
  requireModel(fields.model, service);
  const { stop, n, max_tokens: maxTokens } = fields;
  return {
    n: answersOf(n ?? 1, service),
    maxNewTokens: maxTokens ?? undefined,
    sampling: samplingOf(fields, service),
    stop: stop === undefined || stop === null ? [] : [stop].flat(),
  };
}

function answersOf(n: number, { limits }: Service): number {
  if (n <= limits.answers) return n;
  throw new ApiError(400, `n must be at most ${limits.answers}, not ${n}`, {
    param: 'n',
    code: 'invalid_value',
  });
}

/** One server has one model; a request may leave its name out. */
export function requireModel(model: string | null | undefined, { name }: Service): void {
  if (model === undefined || model === null || model === name) return;
  throw new ApiError(
    404,
    `the model must be ${JSON.stringify(name)}, not ${JSON.stringify(model.slice(0, 100))}`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  );
}

/** Refuses fields that would change the answer if the server knew them; null, and `harmless` values, say nothing. */
export function refuseFields(
  fields: Readonly<Record<string, unknown>>,
  reasons: Readonly<Record<string, string>>,
): void {
  for (const [name, reason] of Object.entries(reasons)) {
    if (fields[name] !== undefined && fields[name] !== null) throw unsupported(name, reason);
  }
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
