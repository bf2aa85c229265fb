import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../base/index.ts';
import { typeToString } from '../../ir/index.ts';
import { GraphBuilder, NO_WEIGHTS, type WeightReader } from './builder.ts';

/** Gives 0, 1, 2, … and keeps lists of what was required and what was read. */
class CountingReader implements WeightReader {
  readonly required: string[] = [];
  readonly reads: string[] = [];

  has(): boolean {
    return false;
  }

  requireWeight(name: string, shape: readonly number[]): void {
    this.required.push(`${name} [${shape}]`);
  }

  readF32(name: string, shape: readonly number[]): Float32Array {
    this.reads.push(`${name} [${shape}]`);
    return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
  }
}

function load(b: GraphBuilder, name: string): number[] {
  return [...b.finish('g', {}).weights.get(name)!.load()];
}

test('weights are named and nodes labelled by the module they are in', () => {
  const reader = new CountingReader();
  const b = new GraphBuilder(reader);
  const x = b.node('embedding', [b.tokens, b.weight('embed.weight', [4, 2])], {}, 'embed');
  const y = b.within('layers.0', () => b.within('self_attn', () => b.linear(x, 'q_proj', 3)));
  assert.equal(y.label, 'layers.0.self_attn.q_proj');
  assert.equal(typeToString(y.type), 'f32[B,T,3]');
  assert.deepEqual(reader.required, [
    'model.embed.weight [4,2]',
    'model.layers.0.self_attn.q_proj.weight [3,2]',
  ]);
  assert.deepEqual(reader.reads, [], 'nothing is read before it is needed');
  assert.deepEqual(load(b, 'model.layers.0.self_attn.q_proj.weight'), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(reader.reads, ['model.layers.0.self_attn.q_proj.weight [3,2]']);
});

test('a scope ends even when building in it fails', () => {
  const b = new GraphBuilder(NO_WEIGHTS);
  assert.throws(() => b.within('layers.0', () => b.linear(b.position, 'q_proj', 3)));
  assert.equal(b.weight('norm.weight', [1]).label, 'norm.weight');
});

test('stacked weights are read module by module', () => {
  const reader = new CountingReader();
  const b = new GraphBuilder(reader);
  const node = b.within('mlp', () => b.stackedWeight('experts', 'up_proj.weight', 2, [1, 3]));
  assert.equal(typeToString(node.type), 'f32[2,1,3]');
  assert.deepEqual(load(b, 'model.mlp.experts.*.up_proj.weight'), [0, 1, 2, 0, 1, 2]);
  assert.deepEqual(reader.reads, [
    'model.mlp.experts.0.up_proj.weight [1,3]',
    'model.mlp.experts.1.up_proj.weight [1,3]',
  ]);
});

test('a range of rows is taken from each part of a stored matrix', () => {
  const reader = new CountingReader();
  const b = new GraphBuilder(reader);
  const range = { parts: 2, partRows: 3, start: 1, count: 2 };
  b.weightRows('kv.weight', 'value', range, [2, 2, 1]);
  assert.deepEqual(load(b, 'model.kv.weight[value]'), [1, 2, 4, 5]);
  assert.deepEqual(reader.reads, ['model.kv.weight [6,1]']);
});

test('without weights a graph can be built and a load says what is missing', () => {
  const b = new GraphBuilder(NO_WEIGHTS);
  b.weight('norm.weight', [1]);
  assert.throws(() => load(b, 'model.norm.weight'), {
    name: UsageError.name,
    message: 'running a model must have its weights, not the configuration alone',
    where: 'weight model.norm.weight',
    hint: 'give the folder of a checkpoint',
  });
});
