/** Converts a model in a folder to GGUF as llama.cpp's converter would, for tests: Qwen3 and DeepSeek-V3. */
import fs from 'node:fs';
import path from 'node:path';
import { f32ToF16 } from '../../src/base/index.ts';
import { openCheckpoint, type Checkpoint } from '../../src/model/index.ts';
import { encodeGguf, type Entry, type GgufTensor } from './encodeGguf.ts';

type Json = Record<string, unknown>;

/** How matrices are stored; vectors are F32. */
export type MatrixType = 'F32' | 'F16' | 'Q8_0';

const TYPE_NUMBERS = { F32: 0, F16: 1, Q8_0: 8 } as const;

/** Parts of names, in the order in which they are replaced. */
const RENAMES: readonly (readonly [RegExp | string, string])[] = [
  ['model.embed_tokens', 'token_embd'],
  ['model.norm', 'output_norm'],
  ['lm_head', 'output'],
  ['model.layers.', 'blk.'],
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
  ['mlp.gate.e_score_correction_bias', 'exp_probs_b.bias'],
  ['mlp.gate.', 'ffn_gate_inp.'],
  [/mlp\.shared_experts\.(\w+)_proj/, 'ffn_$1_shexp'],
  [/mlp\.experts\.(\w+)_proj/, 'ffn_$1_exps'],
  [/mlp\.(\w+)_proj/, 'ffn_$1'],
  ['self_attn.o_proj', 'attn_output'],
  ['kv_a_proj_with_mqa', 'kv_a_mqa'],
  ['_layernorm', '_norm'],
  ['self_attn.', 'attn_'],
  ['_proj', ''],
];

/** The file. `latent: 'whole'` keeps kv_b_proj in one piece, as converters did before 2025-04. */
export function convertModel(
  folder: string,
  type: MatrixType,
  latent: 'split' | 'whole' = 'split',
): Uint8Array<ArrayBuffer> {
  const checkpoint = openCheckpoint(folder);
  const config = checkpoint.config as Json;
  const metadata = { ...metadataOf(config, latent), ...vocabularyOf(folder) };
  const tensors = [...matricesOf(checkpoint, config, latent)].map(([name, shape, values]) =>
    encodeTensor(name, shape, values, type),
  );
  checkpoint.close();
  return encodeGguf(metadata, tensors);
}

type Named = readonly [name: string, shape: readonly number[], values: Float32Array];

/** All weights under GGUF's names, experts stacked. */
function* matricesOf(checkpoint: Checkpoint, config: Json, latent: string): Generator<Named> {
  const stacks = new Map<string, Float32Array[]>();
  const shapes = new Map<string, readonly number[]>();
  for (const name of checkpoint.tensorNames()) {
    if (name.endsWith('_scale_inv')) continue;
    const { shape } = checkpoint.info(name);
    const values = checkpoint.readF32(name);
    const stack = name.replace(/\.experts\.\d+\./, '.experts.');
    if (name.endsWith('kv_b_proj.weight') && latent === 'split') {
      yield* splitLatent(rename(name), config, shape[1]!, values);
    } else if (stack === name) yield [rename(name), shape, values];
    else {
      const expert = Number(/\.experts\.(\d+)\./.exec(name)![1]);
      const own = stacks.get(stack) ?? [];
      own[expert] = values;
      stacks.set(stack, own);
      shapes.set(stack, shape);
    }
  }
  for (const [name, experts] of stacks) {
    yield [rename(name), [experts.length, ...shapes.get(name)!], concatenate(experts)];
  }
}

/** kv_b [heads · (nope + v), rank] as k_b [heads, rank, nope], transposed, and v_b [heads, v, rank]. */
function* splitLatent(
  name: string,
  config: Json,
  rank: number,
  values: Float32Array,
): Generator<Named> {
  const fields = ['num_attention_heads', 'qk_nope_head_dim', 'v_head_dim'];
  const [heads, nope, v] = fields.map((field) => config[field] as number) as [
    number,
    number,
    number,
  ];
  const at = (head: number, row: number, column: number): number =>
    values[(head * (nope + v) + row) * rank + column]!;
  const keys = Float32Array.from({ length: heads * rank * nope }, (_, i) =>
    at(Math.floor(i / (rank * nope)), i % nope, Math.floor(i / nope) % rank),
  );
  const values_ = Float32Array.from({ length: heads * v * rank }, (_, i) =>
    at(Math.floor(i / (v * rank)), nope + (Math.floor(i / rank) % v), i % rank),
  );
  yield [name.replace('kv_b', 'k_b'), [heads, rank, nope], keys];
  yield [name.replace('kv_b', 'v_b'), [heads, v, rank], values_];
}

function rename(name: string): string {
  return RENAMES.reduce((renamed, [from, to]) => renamed.replace(from, to), name);
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function encodeTensor(
  name: string,
  shape: readonly number[],
  values: Float32Array,
  matrixType: MatrixType,
): GgufTensor {
  const type = shape.length < 2 ? 'F32' : matrixType;
  const { buffer, byteOffset, byteLength } =
    type === 'F32' ? values : type === 'F16' ? f32ToF16(values) : encodeQ8_0(values);
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return { name, type: TYPE_NUMBERS[type], shape, bytes };
}

/** Blocks of 32: an f16 scale and int8 codes, the largest of which is 127. */
function encodeQ8_0(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 34);
  for (let block = 0; block * 32 < values.length; block++) {
    const own = values.subarray(block * 32, (block + 1) * 32);
    const scale = Math.fround(own.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);
    const codes = Int8Array.from(own, (x) => (scale === 0 ? 0 : Math.round(x / scale)));
    bytes.set(new Uint8Array(f32ToF16(Float32Array.of(scale)).buffer), block * 34);
    bytes.set(new Uint8Array(codes.buffer), block * 34 + 2);
  }
  return bytes;
}

function metadataOf(config: Json, latent: string): Record<string, Entry> {
  const deepseek = config['model_type'] === 'deepseek_v3';
  const architecture = deepseek ? 'deepseek2' : 'qwen3';
  const number = (field: string): number => config[field] as number;
  const own = {
    context_length: number('max_position_embeddings'),
    embedding_length: number('hidden_size'),
    block_count: number('num_hidden_layers'),
    feed_forward_length: number('intermediate_size'),
    'attention.head_count': number('num_attention_heads'),
    'attention.layer_norm_rms_epsilon': number('rms_norm_eps'),
    'rope.freq_base': { f32: number('rope_theta') },
    ...(deepseek ? latentFields(number, latent) : plainFields(number)),
  };
  const prefixed = Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value]);
  return { 'general.architecture': architecture, ...Object.fromEntries(prefixed) };
}

type NumberOf = (field: string) => number;

function plainFields(number: NumberOf): Record<string, Entry> {
  return {
    'attention.head_count_kv': number('num_key_value_heads'),
    'attention.key_length': number('head_dim'),
    'attention.value_length': number('head_dim'),
  };
}

/** Metadata of latent attention and its experts, with kv_b_proj in two halves or whole. */
export function latentFields(number: NumberOf, latent: string): Record<string, Entry> {
  const [rank, rope] = [number('kv_lora_rank'), number('qk_rope_head_dim')];
  const [key, value] = [number('qk_nope_head_dim') + rope, number('v_head_dim')];
  const widths =
    latent === 'whole'
      ? { 'attention.key_length': key, 'attention.value_length': value }
      : {
          'attention.key_length': rank + rope,
          'attention.value_length': rank,
          'attention.key_length_mla': key,
          'attention.value_length_mla': value,
        };
  return {
    ...widths,
    'attention.head_count_kv': latent === 'whole' ? number('num_attention_heads') : 1,
    'attention.q_lora_rank': number('q_lora_rank'),
    'attention.kv_lora_rank': rank,
    'rope.dimension_count': rope,
    leading_dense_block_count: number('first_k_dense_replace'),
    expert_feed_forward_length: number('moe_intermediate_size'),
    expert_count: number('n_routed_experts'),
    expert_used_count: number('num_experts_per_tok'),
    expert_shared_count: number('n_shared_experts'),
    expert_group_count: number('n_group'),
    expert_group_used_count: number('topk_group'),
    expert_weights_scale: number('routed_scaling_factor'),
    expert_weights_norm: number('norm_topk_prob') as number | boolean,
    expert_gating_func: 2,
  };
}

/** The tokenizer and the chat template of a folder. */
export function vocabularyOf(folder: string): Record<string, Entry> {
  const read = (file: string): Json =>
    JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')) as Json;
  const { model, added_tokens } = read('tokenizer.json') as {
    model: { vocab: Record<string, number>; merges: (string | string[])[] };
    added_tokens: { id: number; content: string; special: boolean }[];
  };
  const config = read('tokenizer_config.json') as Record<string, string>;
  const tokens: string[] = [];
  const types: number[] = [];
  for (const [token, id] of Object.entries(model.vocab)) [tokens[id], types[id]] = [token, 1];
  for (const { id, content, special } of added_tokens) {
    [tokens[id], types[id]] = [content, special ? 3 : 4];
  }
  const idOf = (token: string): number => tokens.indexOf(config[token]!);
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': types,
    'tokenizer.ggml.merges': model.merges.map((merge) =>
      typeof merge === 'string' ? merge : merge.join(' '),
    ),
    'tokenizer.ggml.eos_token_id': idOf('eos_token'),
    'tokenizer.ggml.padding_token_id': idOf('pad_token'),
    'tokenizer.chat_template': config['chat_template']!,
  };
}
