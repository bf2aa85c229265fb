/**
 * Rotary position settings in their two spellings.
 *
 * Older files: `rope_theta` and `rope_scaling` (null or an object whose kind is `type` or `rope_type`).
 * Since transformers 5: one object `rope_parameters` with `rope_theta`, `rope_type` and the rest.
 * Both become `rope_theta` and `rope_scaling`, which is null or YaRN [1], and `partial_rotary_factor`
 * where there is one.
 *
 * [1] Peng et al.: YaRN, https://arxiv.org/abs/2309.00071
 */
import { z } from 'zod';
import { isRecord, show } from '../../base/index.ts';
import { integer, number } from '../../schema/index.ts';
import type { JsonRecord } from '../../base/index.ts';

/**
 * YaRN. With m(a) = 0.1·a·ln(factor) + 1, cosines and sines are multiplied by m(mscale) / m(mscale_all_dim);
 * DeepSeek also multiplies the softmax scale by m(mscale_all_dim)².
 */
export const YARN = z
  .object(
    {
      factor: number(1, 1e6),
      original_max_position_embeddings: integer(1, 1e9),
      beta_fast: number(1e-6, 1e6).default(32),
      beta_slow: number(1e-6, 1e6).default(1),
      mscale: number(0, 100).default(1),
      mscale_all_dim: number(0, 100).default(0),
    },
    'an object',
  )
  .refine((yarn) => yarn.beta_fast > yarn.beta_slow, {
    path: ['beta_fast'],
    error: 'above rope_scaling.beta_slow',
  });

/** YaRN settings with the defaults filled in. */
export type YarnScaling = z.output<typeof YARN>;

/** The configuration with its rotary settings in the older spelling, and null where nothing is scaled. */
export function withRopeFields(config: JsonRecord): JsonRecord {
  const parameters = config['rope_parameters'];
  const scaling = isRecord(parameters) ? parameters : (config['rope_scaling'] ?? null);
  return {
    ...config,
    rope_theta: isRecord(parameters)
      ? (parameters['rope_theta'] ?? config['rope_theta'])
      : config['rope_theta'],
    rope_scaling: ropeKind(scaling) === 'default' ? null : scaling,
    ...(isRecord(parameters) && parameters['partial_rotary_factor'] !== undefined
      ? { partial_rotary_factor: parameters['partial_rotary_factor'] }
      : {}),
  };
}

/** What the rotary settings ask for beyond plain and YaRN; takes what withRopeFields returns. */
export function ropeProblems({ rope_scaling: scaling }: JsonRecord): string[] {
  if (!isRecord(scaling)) return [];
  const kind = ropeKind(scaling);
  if (kind !== 'yarn')
    return [`the kind of rope_scaling must be "yarn" or "default", not ${show(kind)}`];
  const factor = scaling['attention_factor'] ?? null;
  return factor === null ? [] : [`rope_scaling.attention_factor must be null, not ${show(factor)}`];
}

function ropeKind(scaling: unknown): unknown {
  return isRecord(scaling) ? (scaling['rope_type'] ?? scaling['type']) : undefined;
}
