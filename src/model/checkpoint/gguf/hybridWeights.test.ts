/** Files of hybrid models: weights come back as they were before the conversion, in the folder each was made from. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { memorySource } from '../../../base/index.ts';
import { parseModelConfig } from '../config.ts';
import { openCheckpoint } from '../openCheckpoint.node.ts';
import { readRowsF32 } from '../weight.ts';
import { ggufWeight } from './ggufWeight.ts';
import { readGgufHeader } from './header.ts';
import { fusedKeyHeads, restoreHybridWeight } from './hybridWeights.ts';
import { ModelMetadata } from './metadata.ts';
import { openGguf } from './openGguf.node.ts';

const TEST = path.join(import.meta.dirname, '../../../../test');

const CONVERTED = [
  ['qwen3next.gguf', 'qwen3-next'],
  ['qwen35.gguf', 'qwen3.5'],
  ['qwen35moe.gguf', 'qwen3.5-moe'],
] as const;

for (const [file, folder] of CONVERTED) {
  const { checkpoint } = openGguf(path.join(TEST, 'formats', file));
  const original = openCheckpoint(path.join(TEST, 'golden', folder));
  // The files are without the head that drafts.
  const names = original
    .tensorNames()
    .filter((name) => !/experts\.(gate_up|down)_proj$|^mtp\./.test(name));

  test(`${file}: the configuration is that of config.json`, () => {
    const { config, family } = parseModelConfig(checkpoint.config);
    const required = parseModelConfig(original.config);
    assert.equal(family, required.family);
    const ends = { bos_token_id: null, eos_token_id: [7] };
    assert.deepEqual({ ...config, ...ends }, { ...required.config, ...ends });
  });

  test(`${file}: values and order of every weight are those before the conversion`, () => {
    assert.ok(names.length > 30);
    for (const name of names) {
      const { shape } = original.info(name);
      const [found, expected] = [checkpoint, original].map((from) => from.readF32(name, shape));
      // The logarithm of an exponential is rounded; sums with 1 are not, because weights are BF16.
      const bound = name.endsWith('A_log') ? 1e-6 : 0;
      for (const [i, value] of found!.entries()) {
        assert.ok(Math.abs(value - expected![i]!) <= bound, `${name} at ${i}: ${value}`);
      }
    }
  });

  test(`${file}: any rows are those of the whole`, () => {
    for (const name of names.filter((each) => each.includes('.0.'))) {
      const whole = checkpoint.readF32(name);
      const [rows = 1] = original.info(name).shape;
      const width = whole.length / rows;
      for (let start = 0; start < rows; start++) {
        for (const count of [1, Math.min(7, rows - start), rows - start]) {
          const found = checkpoint.readRows(name, start, count);
          assert.deepEqual(found, whole.slice(start * width, (start + count) * width), name);
        }
      }
    }
  });

  test(`${file}: every tensor but stacked experts is read for some weight`, () => {
    const used = new Set(names.flatMap((name) => checkpoint.storedNames(name)));
    const unused = checkpoint.tensorNames().filter((name) => !used.has(name));
    assert.deepEqual(
      unused.filter((name) => !/ffn_(gate|up|down)_exps/.test(name)),
      [],
    );
  });
}

test('parts of key heads that do not fit the metadata are refused', () => {
  const file = path.join(TEST, 'formats', 'qwen3next.gguf');
  const { tensors, metadata } = readGgufHeader(memorySource(file, fs.readFileSync(file)));
  const name = 'model.layers.0.linear_attn.in_proj_qkvz.weight';
  const wider = new ModelMetadata(new Map([...metadata, ['qwen3next.ssm.state_size', 17]]), file);
  assert.throws(
    () => fusedKeyHeads(name, tensors, wider),
    /attn_qkv.weight must have shape \[100, 32\]/,
  );
  assert.equal(fusedKeyHeads('model.layers.9.mlp.gate.weight', tensors, wider), undefined);
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
