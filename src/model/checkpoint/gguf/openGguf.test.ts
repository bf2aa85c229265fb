/** GGUF files as checkpoints: two that llama.cpp's own package wrote, and what is refused. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FormatError, UnsupportedError, UsageError } from '../../../base/index.ts';
import { encodeGguf } from '../../../../test/gguf/encodeGguf.ts';
import type { Entry, GgufTensor } from '../../../../test/gguf/encodeGguf.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { parseModelConfig } from '../config.ts';
import { openCheckpoint } from '../openCheckpoint.node.ts';
import type { GgufValue } from './header.ts';
import { ModelMetadata, shortestDecimal } from './metadata.ts';
import { openGguf } from './openGguf.node.ts';
import { configOfGguf } from './config.ts';

const TEST = path.join(import.meta.dirname, '../../../../test');

/** A GGUF file, and the folder of test/golden/ that it was made from. */
const CONVERTED = [
  ['qwen2.gguf', 'qwen2-tied'],
  ['qwen3.gguf', 'qwen3-yarn'],
  ['qwen3moe.gguf', 'qwen3-moe'],
  ['deepseek2-v2.gguf', 'deepseek-v2-lite'],
  ['deepseek2.gguf', 'deepseek-v3-one-group'],
  ['deepseek32.gguf', 'deepseek-v3.2-sparse'],
  ['deepseek4.gguf', 'deepseek-v4-compressed'],
] as const;

for (const [file, folder] of CONVERTED) {
  const { checkpoint } = openGguf(path.join(TEST, 'formats', file));
  const original = openCheckpoint(path.join(TEST, 'golden', folder));
  const names = original.tensorNames().filter((name) => !isOfHead(name, original));

  test(`${file}: the configuration is that of config.json`, () => {
    const { config, family } = parseModelConfig(checkpoint.config);
    const required = parseModelConfig(original.config);
    assert.equal(family, required.family);
    const ends = { bos_token_id: null, eos_token_id: [7] };
    const head = 'num_nextn_predict_layers' in config ? { num_nextn_predict_layers: 0 } : {};
    assert.deepEqual({ ...config, ...ends }, { ...required.config, ...ends, ...head });
    assert.deepEqual(checkpoint.generation.eosTokenIds, [7]);
    assert.equal(checkpoint.note, undefined);
  });

  test(`${file}: every weight has its shape and values, whatever rows are read`, () => {
    for (const name of names) {
      const { shape } = original.info(name);
      if (isTable(name)) continue;
      const values = original.readF32(name);
      assert.deepEqual(checkpoint.readF32(name, shape), values, name);
      const [rows = 1] = shape;
      const width = values.length / rows;
      for (const [start, count] of [
        [0, 1],
        [Math.floor(rows / 3), Math.ceil(rows / 2)],
        [rows - 1, 1],
      ] as const) {
        const expected = values.slice(start * width, (start + count) * width);
        assert.deepEqual(checkpoint.readRows(name, start, count), expected, name);
      }
    }
  });

  test(`${file}: every tensor is read for some weight`, () => {
    const kind = (name: string) => (isTable(name) ? 'integers' : 'numbers');
    const used = new Set(names.flatMap((name) => checkpoint.storedNames(name, kind(name))));
    assert.deepEqual([...used].toSorted(), checkpoint.tensorNames());
    assert.ok(!checkpoint.has('model.layers.9.mlp.gate_proj.weight'));
    assert.ok(!checkpoint.has('model.layers.0.mlp.experts.99.gate_proj.weight'));
  });
}

/** A layer behind the last: that of the head that drafts, which the files are without. */
function isOfHead(name: string, { config }: Checkpoint): boolean {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  const { num_hidden_layers: layers } = config as { num_hidden_layers: number };
  return layer !== undefined && Number(layer) >= layers;
}

/** Experts by token. */
function isTable(name: string): boolean {
  return name.endsWith('.tid2eid');
}

test('a table of experts by token is that of the original', () => {
  const name = 'layers.1.ffn.gate.tid2eid';
  const { checkpoint } = openGguf(path.join(TEST, 'formats', 'deepseek4.gguf'));
  const original = openCheckpoint(path.join(TEST, 'golden', 'deepseek-v4-compressed'));
  const read = (from: Checkpoint): Float32Array => from.readF32(name, [64, 2], 'integers');
  assert.deepEqual(read(checkpoint), read(original));
  assert.throws(() => checkpoint.readF32('layers.2.ffn.gate.tid2eid', [64, 2], 'integers'));
});

/** Write files, hand over the path of the first, and remove them. */
function withFiles(files: Readonly<Record<string, Uint8Array>>, use: (file: string) => void): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-gguf-'));
  try {
    for (const [name, bytes] of Object.entries(files)) {
      fs.writeFileSync(path.join(folder, name), bytes);
    }
    use(path.join(folder, Object.keys(files)[0]!));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const ONE = new Uint8Array(Float32Array.of(1, 2).buffer);
const vector = (name: string): GgufTensor => ({ name, type: 0, shape: [2], bytes: ONE });
const qwen3 = (more: Readonly<Record<string, Entry>> = {}): Record<string, Entry> => ({
  'general.architecture': 'qwen3',
  ...more,
});

test('a split model is opened by its first part', () => {
  const split = { 'split.count': 2 };
  const files = {
    'm-00001-of-00002.gguf': encodeGguf(qwen3(split), []),
    'm-00002-of-00002.gguf': encodeGguf(qwen3(split), [vector('output_norm.weight')]),
  };
  withFiles(files, (file) => {
    const { checkpoint } = openGguf(file);
    assert.deepEqual(checkpoint.readF32('model.norm.weight', [2]), Float32Array.of(1, 2));
    checkpoint.close();
    const second = file.replace('00001', '00002');
    assert.throws(() => openGguf(second), UsageError);
    fs.rmSync(second);
    assert.throws(() => openGguf(file), {
      name: FormatError.name,
      message: 'all 00002 parts must be there, but m-00002-of-00002.gguf is missing',
    });
  });
  const twice = encodeGguf(qwen3(split), [vector('output_norm.weight')]);
  withFiles({ 'm-00001-of-00002.gguf': twice, 'm-00002-of-00002.gguf': twice }, (file) => {
    assert.throws(() => openGguf(file), /must be in one part, not in two/);
  });
});

test('architectures that are not known are refused with those that are', () => {
  withFiles({ 'm.gguf': encodeGguf({ 'general.architecture': 'llama' }, []) }, (file) => {
    assert.throws(() => openGguf(file), {
      name: UnsupportedError.name,
      message:
        'general.architecture must be one of qwen2, qwen3, qwen3moe, qwen3next, qwen35, qwen35moe, deepseek2, deepseek32, deepseek4, not "llama"',
      where: file,
    });
  });
  withFiles({ 'm.gguf': encodeGguf({}, []) }, (file) => {
    assert.throws(() => openGguf(file), /general.architecture must be a text, but it is absent/);
  });
});

test('metadata that is absent is named by the field that it stands for', () => {
  withFiles({ 'm.gguf': encodeGguf(qwen3(), [vector('output_norm.weight')]) }, (file) => {
    const { config } = openGguf(file).checkpoint;
    assert.throws(() => parseModelConfig(config, file), /hidden_size must be .*, but it is absent/);
  });
});

function configOf(entries: Readonly<Record<string, GgufValue>>) {
  const all = new Map(Object.entries(entries));
  return configOfGguf(new ModelMetadata(all, 'm.gguf'), new Map(), 'm.gguf');
}

test('a deepseek2 file without a sigmoid router is DeepSeek-V2', () => {
  const config = configOf({
    'general.architecture': 'deepseek2',
    'deepseek2.rope.dimension_count': 64,
    'deepseek2.attention.key_length': 192,
    'deepseek2.attention.value_length': 128,
    'deepseek2.expert_gating_func': 1,
    'deepseek2.rope.scaling.type': 'yarn',
    'deepseek2.rope.scaling.factor': 40,
    'deepseek2.rope.scaling.original_context_length': 4096,
    'deepseek2.rope.scaling.yarn_log_multiplier': Math.fround(0.0707),
  });
  assert.deepEqual(config['architectures'], ['DeepseekV2ForCausalLM']);
  assert.equal(config['qk_nope_head_dim'], 128);
  assert.equal(config['v_head_dim'], 128);
  assert.equal(config['topk_method'], 'greedy');
  assert.equal(config['q_lora_rank'], null);
  const { mscale, mscale_all_dim } = config['rope_scaling'] as Record<string, number>;
  assert.deepEqual([mscale, mscale_all_dim], [707 / 1000, 707 / 1000]);
});

test('drafts are layers of their own only where the file has them', () => {
  const layers = (tensors: readonly GgufTensor[]): unknown => {
    const metadata = { ...qwen3(), 'qwen3.block_count': 5, 'qwen3.nextn_predict_layers': 1 };
    let found: unknown;
    withFiles({ 'm.gguf': encodeGguf(metadata, tensors) }, (file) => {
      found = openGguf(file).checkpoint.config['num_hidden_layers'];
    });
    return found;
  };
  assert.equal(layers([vector('output_norm.weight')]), 5);
  assert.equal(layers([vector('blk.4.nextn.eh_proj.weight')]), 4);
});

test('a qwen3moe file normalises its gates unless it says otherwise', () => {
  const config = configOf({
    'general.architecture': 'qwen3moe',
    'qwen3moe.expert_count': 128,
    'qwen3moe.expert_used_count': 8,
    'qwen3moe.expert_feed_forward_length': 768,
    'qwen3moe.attention.key_length': 128,
  });
  assert.deepEqual(
    [config['num_experts'], config['num_experts_per_tok'], config['moe_intermediate_size']],
    [128, 8, 768],
  );
  assert.deepEqual([config['norm_topk_prob'], config['head_dim']], [true, 128]);
});

test('numbers that makers wrote as decimals come back as those', () => {
  for (const value of [1e-6, 0.0707, 2.5, 1e6, 1e-20, 0.1, 1 / 3]) {
    const restored = shortestDecimal(Math.fround(value));
    assert.equal(Math.fround(restored), Math.fround(value));
    if (value !== 1 / 3) assert.equal(restored, value);
  }
  assert.equal(shortestDecimal(1 / 3), 1 / 3);
});
