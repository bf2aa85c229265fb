/**
 * A complete model of a few kilobytes, which the cases break in one place each: Qwen3 with one layer,
 * whose tokens are bytes.
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  encodeSafetensors,
  type TensorBytes,
} from '../../src/model/checkpoint/encodeSafetensors.ts';

const BUILTIN = path.join(import.meta.dirname, '../../models/qwen3-tiny');

/** Tokens the model has room for. */
export const CONTEXT_TOKENS = 64;
const BYTES = 256;

export type Json = Record<string, unknown>;

function readBuiltin(file: string): Json {
  return JSON.parse(fs.readFileSync(path.join(BUILTIN, file), 'utf8'));
}

export function tinyConfig(): Json {
  return {
    ...readBuiltin('config.json'),
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 32,
    max_position_embeddings: CONTEXT_TOKENS,
    vocab_size: BYTES,
    eos_token_id: null,
  };
}

/** The byte tokens of the built-in tokenizer, without merges. */
export function tinyTokenizer(): Json {
  const { model, ...rest } = readBuiltin('tokenizer.json');
  const { vocab } = model as { vocab: Record<string, number> };
  const bytes = Object.entries(vocab).filter(([, id]) => id < BYTES);
  const tiny = { ...(model as Json), vocab: Object.fromEntries(bytes), merges: [] };
  return { ...rest, added_tokens: [], model: tiny };
}

const SHAPES: Readonly<Record<string, readonly number[]>> = {
  'model.embed_tokens.weight': [BYTES, 32],
  'model.layers.0.input_layernorm.weight': [32],
  'model.layers.0.mlp.down_proj.weight': [32, 64],
  'model.layers.0.mlp.gate_proj.weight': [64, 32],
  'model.layers.0.mlp.up_proj.weight': [64, 32],
  'model.layers.0.post_attention_layernorm.weight': [32],
  'model.layers.0.self_attn.k_norm.weight': [32],
  'model.layers.0.self_attn.k_proj.weight': [32, 32],
  'model.layers.0.self_attn.o_proj.weight': [32, 64],
  'model.layers.0.self_attn.q_norm.weight': [32],
  'model.layers.0.self_attn.q_proj.weight': [64, 32],
  'model.layers.0.self_attn.v_proj.weight': [32, 32],
  'model.norm.weight': [32],
};

/** All weights, f32 and equal; `change` may alter the values of one. */
export function tinyTensors(change?: readonly [name: string, values: number[]]): TensorBytes[] {
  return Object.entries(SHAPES).map(([name, shape]) => {
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    values.fill(0.5);
    if (change?.[0] === name) values.set(change[1]);
    return { name, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
  });
}

/** What is written to a file: bytes or text as they are, anything else as JSON; null: no such file. */
type Content = Uint8Array | string | object | null;

/** Write the model into `folder`, with other contents for some files. Returns the folder. */
export function writeModel(
  folder: string,
  changes: Readonly<Record<string, Content>> = {},
): string {
  const files: Record<string, Content> = {
    'config.json': tinyConfig(),
    'tokenizer.json': tinyTokenizer(),
    'model.safetensors': encodeSafetensors(tinyTensors()),
    ...changes,
  };
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    if (content !== null) fs.writeFileSync(path.join(folder, name), encode(content));
  }
  return folder;
}

function encode(content: Uint8Array | string | object): Uint8Array | string {
  if (content instanceof Uint8Array || typeof content === 'string') return content;
  return JSON.stringify(content);
}

/** The model with some fields of config.json changed; undefined removes a field. */
export function writeConfig(folder: string, fields: Json): string {
  return writeModel(folder, { 'config.json': { ...tinyConfig(), ...fields } });
}

/** The bytes of a safetensors file: the length of the header, as given, the header and the data. */
export function safetensors(header: Json | string, data: Uint8Array, length?: bigint): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}
