import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../base/index.ts';
import { loadModel } from './model.node.ts';

const MODELS = path.join(import.meta.dirname, '..', '..', 'models');

test('a folder gives configuration, tokenizer, chat template and graph', () => {
  const model = loadModel(path.join(MODELS, 'deepseek-v3-tiny', '/'));
  assert.equal(model.name, 'deepseek-v3-tiny');
  assert.equal(model.config.family, 'deepseek_v3');
  assert.equal(model.tokenizer, model.tokenizer, 'read once');
  assert.equal(model.chat, model.chat);
  const { states, weights } = model.graph({ logits: 'all', latentAttention: 'absorbed' });
  assert.deepEqual([...states.keys()].at(-1), 'layers.3.latent');
  model.checkpoint.close();
  const norm = weights.get('model.norm.weight')!;
  assert.deepEqual(norm.shape, [256]);
});

test('weights of the graph are those of the checkpoint', () => {
  const model = loadModel(path.join(MODELS, 'qwen3-tiny'));
  const { weights } = model.graph({ logits: 'last' });
  const name = 'model.layers.0.self_attn.k_proj.weight';
  assert.deepEqual(weights.get(name)!.load(), model.checkpoint.readF32(name));
  model.checkpoint.close();
});

test('a folder that is not there is a mistake of the user', () => {
  assert.throws(() => loadModel(path.join(MODELS, 'no-such-model')), UsageError);
});
