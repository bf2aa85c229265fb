/**
 * Tensor parallelism as a smaller model: what one of several ranks computes is the same family with fewer
 * heads, narrower feed-forwards and a part of the vocabulary, so the compiler, the closed forms and the
 * memory layout need not know that there are others. Names of fields mean the same in all families.
 *
 * What no field here counts every rank has whole: norms, routers, indexers, compressors, latent
 * down-projections, mixing of streams, tables of n-grams.
 */
import { UnsupportedError } from '../../base/index.ts';
import { MX_BLOCK } from '../../ir/index.ts';
import type { ModelConfig } from '../../model/index.ts';

/** Share of one of `ranks`; a string says what would be required. */
type Division = (count: number, ranks: number) => number | string;

const evenly: Division = (count, ranks) =>
  count % ranks === 0 ? count / ranks : `a multiple of ${ranks}`;

/** Fewer than ranks are repeated, each for as many ranks. */
const evenlyOrRepeated: Division = (count, ranks) =>
  ranks % count === 0 ? 1 : evenly(count, ranks);

/** Channels that are quantised: whole blocks of them. */
const inBlocks: Division = (count, ranks) =>
  count % (ranks * MX_BLOCK) === 0 ? count / ranks : `a multiple of ${ranks} × ${MX_BLOCK}`;

/** Rows of tables: the rank with most of them. */
const roundedUp: Division = (count, ranks) => Math.ceil(count / ranks);

const DIVISIONS: Readonly<Record<string, Division>> = {
  num_attention_heads: evenly,
  num_key_value_heads: evenlyOrRepeated,
  o_groups: evenly,
  linear_num_key_heads: evenly,
  linear_num_value_heads: evenly,
  intermediate_size: inBlocks,
  moe_intermediate_size: inBlocks,
  shared_expert_intermediate_size: inBlocks,
  vocab_size: roundedUp,
};

/** The model of one of `ranks`. Throws UnsupportedError, naming every field, for what does not divide. */
export function shardModel(model: ModelConfig, ranks: number): ModelConfig {
  if (ranks === 1) return model;
  const problems: string[] = [];
  const divided = Object.entries(model.config).map(([field, value]): [string, unknown] => {
    const share = typeof value === 'number' ? DIVISIONS[field]?.(value, ranks) : undefined;
    if (typeof share === 'string') problems.push(`${field} must be ${share}, not ${value}`);
    return [field, typeof share === 'number' ? share : value];
  });
  if (problems.length === 0)
    return { ...model, config: Object.fromEntries(divided) } as unknown as ModelConfig;
  throw new UnsupportedError(`${ranks} ranks must divide a layer: ${problems.join('; ')}`, {
    where: `tensor parallelism of ${model.family}`,
    hint: 'use fewer ranks in a tensor group, and more groups or stages',
  });
}
