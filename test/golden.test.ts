import { test } from 'node:test';
import { checkGolden, GOLDEN_MODELS, goldenGraph, readGolden } from './golden.ts';

for (const [model, attention] of GOLDEN_MODELS) {
  test(`${model} (${attention}): the first tokens and the logits of one prompt are PyTorch's`, () => {
    checkGolden(goldenGraph(model, attention), readGolden(model).slice(0, 1), 4);
  });
}
