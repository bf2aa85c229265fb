import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSkipped, skippedParts } from './skippedParts.ts';

test('the tower that sees pictures and the heads of further tokens are told from the text model', () => {
  const names = [
    'model.language_model.layers.3.mlp.up_proj.weight',
    'model.visual.blocks.0.attn.qkv.weight',
    'visual.merger.norm.weight',
    'mtp.fc.weight',
    'model.layers.60.mlp.up_proj.weight',
    'model.layers.61.eh_proj.weight',
    'lm_head.weight',
  ];
  const parts = skippedParts(names, 61);
  assert.equal(
    describeSkipped(parts),
    '2 tensors of the tower that sees pictures; 2 of heads that predict further tokens',
  );
  assert.deepEqual(skippedParts(['model.layers.60.mlp.up_proj.weight'], 61), []);
});
