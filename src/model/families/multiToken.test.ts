/** Heads of multi-token prediction: their parameters, and which families have none. Their logits: test/multiToken.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verify } from '../../ir/index.ts';
import { readCatalogueModel } from '../checkpoint/catalogue.node.ts';
import type { ModelConfig } from '../checkpoint/config.ts';
import { buildGraph, buildPredictorGraph } from '../model.ts';
import { NO_WEIGHTS } from './builder.ts';

/** Parameters beside the embedding and the head, which are the model's: of the shapes that are published. */
const PARAMETERS: Readonly<Record<string, number>> = {
  'deepseek-v3': 11_610_068_224,
  'deepseek-v3.2': 11_624_027_648,
  'qwen3-next-80b-a3b': 1_650_471_424,
  'qwen3.5-0.8b': 20_452_864,
  'qwen3.5-9b': 243_290_624,
  'qwen3.5-35b-a3b': 844_640_768,
  'qwen3.6-27b': 424_699_392,
};

const SHARED = /(?:embed_tokens|lm_head)\.weight$/;

for (const [name, parameters] of Object.entries(PARAMETERS)) {
  test(`the head of ${name} has the published parameters and reads the model's hidden rows`, () => {
    const { model } = readCatalogueModel(name);
    const head = buildPredictorGraph(model, NO_WEIGHTS, { logits: 'last' });
    verify(head);
    const own = [...head.weights.values()].filter((weight) => !SHARED.test(weight.name));
    const sizes = own.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    assert.equal(
      sizes.reduce((a, b) => a + b, 0),
      parameters,
    );
    const graph = buildGraph(model, NO_WEIGHTS, { logits: 'all', hidden: true });
    const given = graph.outputs.get('hidden')!.type;
    assert.deepEqual(head.outputs.get('hidden')!.type, given);
    const states = [...head.states.keys()].filter((state) => graph.states.has(state));
    assert.deepEqual(states, []);
  });
}

test('a checkpoint of DeepSeek-V4 with DSpark stages under the names of a head is told apart', () => {
  const { model } = readCatalogueModel('deepseek-v4-flash');
  const graph = buildPredictorGraph(model, NO_WEIGHTS, { logits: 'last' });
  assert.deepEqual([...graph.states.keys()], ['layers.43.window']);
  const dspark = { ...NO_WEIGHTS, has: (name: string) => name === 'mtp.0.main_proj.weight' };
  assert.throws(
    () => buildPredictorGraph(model, dspark, { logits: 'last' }),
    /MTP heads of deepseek_v4 are skipped: this checkpoint has DSpark stages/,
  );
});

test('a family without a head that is known says why', () => {
  const reasons = {
    'qwen3-4b': /MTP heads of qwen3 are skipped: its checkpoints have none/,
    'deepseek-v4.1-flash':
      /MTP heads of deepseek_v41 are skipped: .*DSpark stages.*nothing could prove them/,
    'qwen3.8-flash-next': /MTP heads of qwen4_exp are skipped: .*nothing could prove it/,
  };
  for (const [name, reason] of Object.entries(reasons)) {
    const { model } = readCatalogueModel(name);
    assert.throws(() => buildPredictorGraph(model, NO_WEIGHTS, { logits: 'last' }), reason);
  }
});

test('several heads are refused by their number, and none too', () => {
  const { model } = readCatalogueModel('deepseek-v3');
  const withHeads = (heads: number): ModelConfig =>
    ({ ...model, config: { ...model.config, num_nextn_predict_layers: heads } }) as ModelConfig;
  const reasons = {
    3: /MTP heads of deepseek_v3 are skipped: .*the configuration has 3, which no published/,
    0: /MTP heads of deepseek_v3 are skipped: the configuration says that it has none/,
  };
  for (const [heads, reason] of Object.entries(reasons)) {
    const several = withHeads(Number(heads));
    assert.throws(() => buildPredictorGraph(several, NO_WEIGHTS, { logits: 'last' }), reason);
  }
});
