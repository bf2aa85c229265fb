/** How a model's makers want it sampled, and where its output ends. */
import { z } from 'zod';
import { integer, number, requireSchema } from '../../schema/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { tokenIds } from './fields.ts';

/** Defaults of sampling; `topK` 0 and `topP` 1 keep every token. */
export interface GenerationConfig {
  readonly doSample: boolean;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  /** Tokens after which generation stops; may be empty. */
  readonly eosTokenIds: readonly number[];
}

const GENERATION = z.object({
  do_sample: z.boolean('true or false').nullish(),
  temperature: number(0, 100).nullish(),
  top_k: integer(0, 1e7).nullish(),
  top_p: number(0, 1).nullish(),
  eos_token_id: tokenIds.optional(),
});

/**
 * Read generation_config.json; what it leaves open comes from config.json (the end tokens) or
 * samples plainly: temperature 1 and no limit. Throws FormatError naming `where`.
 */
export function parseGeneration(
  generation: JsonRecord,
  config: JsonRecord,
  where: string,
): GenerationConfig {
  const stored = requireSchema(GENERATION, generation, where);
  const ofModel = requireSchema(GENERATION.pick({ eos_token_id: true }), config, 'config.json');
  return {
    doSample: stored.do_sample ?? false,
    temperature: stored.temperature ?? 1,
    topK: stored.top_k ?? 0,
    topP: stored.top_p ?? 1,
    eosTokenIds: stored.eos_token_id ?? ofModel.eos_token_id ?? [],
  };
}
