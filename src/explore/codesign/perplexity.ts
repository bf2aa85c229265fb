/** Perplexity of a model in the formats of a chip, by the interpreter with the chip's numerics. */
import type { Chip } from '../../chip/index.ts';
import { complete, evaluate, ModelRunner } from '../../engine/index.ts';
import type { Model } from '../../model/index.ts';
import { jadeNumerics, jadePasses } from '../../target/jade/index.ts';
import { referenceTarget } from '../../target/reference/index.ts';

/** Token ids of documents, each predicted from its own beginning. */
export type Documents = readonly (readonly number[])[];

/** In f32 where `chip` is undefined. The simulated chip and its RTL give the same bits (docs/numerics.md). */
export function perplexityOn(model: Model, chip: Chip | undefined, documents: Documents): number {
  const target =
    chip === undefined ? referenceTarget() : referenceTarget(jadeNumerics(chip), jadePasses(chip));
  const longest = documents.reduce((most, { length }) => Math.max(most, length), 1);
  const runner = new ModelRunner(model.graph({ logits: 'all' }), target, target.open({}), longest);
  return complete(evaluate(runner, documents)).perplexity;
}
