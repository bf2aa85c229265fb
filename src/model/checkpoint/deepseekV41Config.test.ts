import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, isRecord, UnsupportedError, type JsonRecord } from '../../base/index.ts';
import { readCatalogueModel } from './catalogue.node.ts';
import { parseModelConfig } from './config.ts';

const { raw } = readCatalogueModel('deepseek-v4.1-flash');

function changed(fields: JsonRecord): JsonRecord {
  const text = raw['text_config'];
  assert.ok(isRecord(text));
  return { ...raw, text_config: { ...text, ...fields } };
}

test('the published configuration nests the text model, and its epsilon is kept', () => {
  const { family, config } = parseModelConfig(raw);
  assert.ok(family === 'deepseek_v41');
  assert.equal(config.rms_norm_eps, 1e-20);
  assert.deepEqual(config.kv_source_layer_ids, [2, 8, 14, 20]);
});

test('lists that contradict each other are refused, by name', () => {
  const wrong: readonly (readonly [JsonRecord, RegExp])[] = [
    [{ compress_ratios: [0, 0, 2] }, /compress_ratios must be a list with a ratio for each/],
    [{ kv_source_layer_ids: [3, 8, 14, 20] }, /kv_source_layer_ids must be such that layers/],
    [{ kv_source_layer_ids: [2, 8, 14, 21] }, /kv_source_layer_ids must be such that layers/],
    [{ index_source_layer_ids: [2, 8, 14] }, /index_source_layer_ids must be layers that compress/],
    [{ index_source_layer_ids: [0, 2, 8, 14, 20] }, /index_source_layer_ids must be layers that/],
    [{ candidate_source_layer_id: 14 }, /candidate_source_layer_id must be one of/],
    [{ engram_num_embeddings: [5] }, /engram_num_embeddings must be a list as long as/],
    [{ head_dim: 500 }, /multiples of 32/],
  ];
  for (const [fields, message] of wrong) {
    assert.throws(
      () => parseModelConfig(changed(fields)),
      (error) => error instanceof FormatError && message.test(error.message),
      JSON.stringify(fields),
    );
  }
  assert.throws(() => parseModelConfig(changed({ gate_temp: 2 })), UnsupportedError);
});
