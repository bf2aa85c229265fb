import { test } from 'node:test';
import { checkGolden, GOLDEN_MODELS, goldenGraph, readGolden } from '../golden.ts';

for (const [model, attention] of GOLDEN_MODELS) {
  test(`${model} (${attention}): all tokens and logits of all prompts are PyTorch's`, () => {
    checkGolden(goldenGraph(model, attention), readGolden(model), Infinity);
  });
}
