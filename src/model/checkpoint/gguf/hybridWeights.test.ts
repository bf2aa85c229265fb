/** A `qwen35moe` file: weights come back as they were before the conversion, which the same file holds. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { memorySource } from '../../../base/index.ts';
import { readRowsF32, rowCount } from '../weight.ts';
import { ggufWeight } from './ggufWeight.ts';
import { readGgufHeader } from './header.ts';
import { restoreHybridWeight } from './hybridWeights.ts';
import { ModelMetadata } from './metadata.ts';
import { openGguf } from './openGguf.node.ts';

const FILE = path.join(import.meta.dirname, '../../../../test/formats/qwen35moe.gguf');
const { tensors } = readGgufHeader(memorySource(FILE, fs.readFileSync(FILE)));
const { checkpoint } = openGguf(FILE);

/** Tensors as Hugging Face has them, by name. */
const ORIGINALS = new Map(
  [...tensors.values()]
    .filter(({ name }) => name.startsWith('hf.'))
    .map((tensor) => [tensor.name.slice('hf.'.length), tensor]),
);

/** Sums with 1 and logarithms of exponentials are rounded; everything else is moved only. */
function errorOf(name: string): number {
  if (name.endsWith('A_log')) return 1e-6;
  return name.endsWith('norm.weight') && !name.includes('linear_attn') ? 2 ** -22 : 0;
}

test('values and order of every weight are those before the conversion', () => {
  assert.equal(ORIGINALS.size, 49);
  for (const [name, tensor] of ORIGINALS) {
    const expected = readRowsF32(ggufWeight(tensor), 0, rowCount(tensor.shape));
    const found = checkpoint.readF32(name, tensor.shape);
    const bound = errorOf(name);
    for (const [i, value] of found.entries()) {
      assert.ok(Math.abs(value - expected[i]!) <= bound, `${name} at ${i}: ${value}`);
    }
  }
});

test('any rows are those of the whole', () => {
  for (const [name, { shape }] of ORIGINALS) {
    const whole = checkpoint.readF32(name);
    const [rows = 1] = shape;
    const width = whole.length / rows;
    for (let start = 0; start < rows; start++) {
      for (const count of [1, Math.min(7, rows - start), rows - start]) {
        const found = checkpoint.readRows(name, start, count);
        assert.deepEqual(found, whole.slice(start * width, (start + count) * width), name);
      }
    }
  }
});

test('metadata gives the fields of the delta rule', () => {
  const fields = [
    'linear_num_key_heads',
    'linear_num_value_heads',
    'linear_key_head_dim',
    'linear_value_head_dim',
    'linear_conv_kernel_dim',
    'full_attention_interval',
    'partial_rotary_factor',
    'head_dim',
    'num_experts',
    'shared_expert_intermediate_size',
  ];
  const found = fields.map((field) => checkpoint.config[field]);
  assert.deepEqual(found, [2, 6, 4, 5, 4, 2, 0.25, 8, 3, 8]);
  assert.deepEqual(checkpoint.config['architectures'], ['Qwen3_5MoeForCausalLM']);
});

test('a file that kept the order of value heads has everything else undone', () => {
  const metadata = (kept: Record<string, boolean>): ModelMetadata =>
    new ModelMetadata(
      new Map<string, string | number | boolean>([
        ['general.architecture', 'qwen35'],
        ['qwen35.ssm.group_count', 2],
        ['qwen35.ssm.time_step_rank', 4],
        ['qwen35.ssm.state_size', 1],
        ['qwen35.ssm.inner_size', 4],
        ...Object.entries(kept),
      ]),
      'model.gguf',
    );
  const stored = Float32Array.of(-1, -2, -3, -4);
  const bytes = new Uint8Array(stored.buffer);
  const source = memorySource('w', bytes);
  const [name, dtype, shape] = ['blk.0.ssm_a', 'F32', [4]] as const;
  const weight = ggufWeight({ name, source, dtype, shape, offset: 0, sizeBytes: bytes.length });
  const read = (m: ModelMetadata): number[] => {
    const restored = restoreHybridWeight('model.layers.0.linear_attn.A_log', weight, m);
    return [...readRowsF32(restored, 0, 4)].map((a) => Math.round(Math.exp(a)));
  };
  assert.deepEqual(read(metadata({})), [1, 3, 2, 4]);
  assert.deepEqual(read(metadata({ 'qwen35.ssm.v_head_reordered': false })), [1, 2, 3, 4]);
});
