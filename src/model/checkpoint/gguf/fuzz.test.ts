/** Metadata with odd values: each file becomes a configuration and a tokenizer, or is refused with an answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CeladonError, Random } from '../../../base/index.ts';
import { LETTERS } from '../../byteAlphabet.ts';
import { readChatTemplate } from '../../chat.ts';
import { Tokenizer } from '../../tokenizer.ts';
import { parseModelConfig } from '../config.ts';
import { parseGeneration } from '../generation.ts';
import { configOfGguf } from './config.ts';
import type { GgufValue } from './header.ts';
import { locateGgufWeight } from './locate.ts';
import { ModelMetadata } from './metadata.ts';
import { chatConfigOfGguf, tokenizerOfGguf } from './vocabulary.ts';

const ODD_VALUES: readonly GgufValue[] = [
  ...[0, -1, 0.5, NaN, Infinity, 1e308, 2 ** 53, 2 ** 31, 1, 2],
  ...['', 'x', '__proto__', 'qwen2', 'yarn', '{% if', true, false],
  ...[[], [1, 2], ['a'], ['a b', 'c'], [''], ['__proto__', 'constructor']],
];

const COMMON: Readonly<Record<string, GgufValue>> = {
  context_length: 64,
  embedding_length: 32,
  block_count: 2,
  feed_forward_length: 64,
  'attention.head_count': 2,
  'attention.head_count_kv': 2,
  'attention.layer_norm_rms_epsilon': 1e-6,
  'rope.freq_base': 10000,
  'rope.scaling.type': 'yarn',
  'rope.scaling.factor': 4,
  'rope.scaling.original_context_length': 16,
  'attention.key_length': 48,
  'attention.value_length': 32,
  'attention.q_lora_rank': 16,
  'attention.kv_lora_rank': 16,
  'rope.dimension_count': 16,
  leading_dense_block_count: 1,
  expert_feed_forward_length: 32,
  expert_count: 8,
  expert_used_count: 2,
  expert_shared_count: 1,
  expert_weights_norm: true,
  expert_gating_func: 2,
};

const VOCABULARY: Readonly<Record<string, GgufValue>> = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'qwen2',
  'tokenizer.ggml.tokens': [...LETTERS, 'ab', '<|end|>'],
  'tokenizer.ggml.token_type': [...LETTERS.map(() => 1), 1, 3],
  'tokenizer.ggml.merges': ['a b'],
  'tokenizer.ggml.eos_token_id': 257,
  'tokenizer.chat_template': '{{ messages[0].content }}',
};

/** Metadata of an architecture with up to three entries made odd or left out. */
function damagedMetadata(random: Random): Map<string, GgufValue> {
  const architecture = ['qwen3', 'deepseek2'][random.int(2)]!;
  const own = Object.entries(COMMON).map(
    ([key, value]) => [`${architecture}.${key}`, value] as const,
  );
  const all = new Map([
    ['general.architecture', architecture],
    ...own,
    ...Object.entries(VOCABULARY),
  ] as [string, GgufValue][]);
  const keys = [...all.keys()];
  for (let edits = random.int(4); edits > 0; edits--) {
    const key = keys[random.int(keys.length)]!;
    if (random.int(5) === 0) all.delete(key);
    else all.set(key, ODD_VALUES[random.int(ODD_VALUES.length)]!);
  }
  return all;
}

/** Run and return whether it was accepted; any error but an answer fails the test. */
function isAccepted(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    assert.ok(error instanceof CeladonError, String(error));
    assert.ok(error.message.length < 20_000);
    return false;
  }
}

function source(name: string, shape: readonly number[]) {
  const bytes = { name: 'm.gguf', sizeBytes: 0, close() {}, read: () => new Uint8Array(0) };
  return [name, { name, source: bytes, dtype: 'F32', shape, offset: 0, sizeBytes: 0 }] as const;
}

test('metadata with odd values is used or refused', () => {
  const random = new Random(41);
  const table = new Map([source('token_embd.weight', [258, 32])]);
  const accepted = { configurations: 0, tokenizers: 0, chats: 0 };
  for (let i = 0; i < 4000; i++) {
    const all = damagedMetadata(random);
    const configure = (): void => {
      const config = configOfGguf(new ModelMetadata(all, 'm.gguf'), table, 'm.gguf');
      parseGeneration({}, config, 'm.gguf');
      parseModelConfig(config, 'm.gguf');
    };
    const chat = (): void => {
      const template = readChatTemplate(chatConfigOfGguf(all), 'm.gguf');
      template.apply([{ role: 'user', content: 'hi' }]);
    };
    if (isAccepted(configure)) accepted.configurations++;
    if (i % 8 === 0 && isAccepted(() => encode(all))) accepted.tokenizers++;
    if (isAccepted(chat)) accepted.chats++;
  }
  for (const [what, count] of Object.entries(accepted)) {
    assert.ok(count > 0 && count < 4000, `${count} ${what}`);
  }
});

function encode(all: ReadonlyMap<string, GgufValue>): void {
  const tokenizer = new Tokenizer(tokenizerOfGguf(all, 'm.gguf'), 'm.gguf');
  tokenizer.decode(tokenizer.encode('ab <|end|> c'));
}

test('tensors of odd shapes are weights of those shapes, or refused', () => {
  const shapes = [[], [0], [4], [2, 3], [0, 3], [2, 3, 4], [0, 0, 0], [2, 0, 4], [2, 3, 4, 5]];
  const names = ['ffn_gate_exps', 'attn_k_b', 'attn_v_b'].map((part) => `blk.0.${part}.weight`);
  let accepted = 0;
  for (const first of shapes) {
    for (const second of shapes) {
      const tensors = new Map([
        source(names[0]!, first),
        source(names[1]!, first),
        source(names[2]!, second),
      ]);
      for (const name of ['mlp.experts.1.gate_proj', 'self_attn.kv_b_proj']) {
        const found = (): void => {
          const weight = locateGgufWeight(`model.layers.0.${name}.weight`, tensors);
          if (weight !== undefined) weight.decodeRows(0, new Float32Array(0));
        };
        if (isAccepted(found)) accepted++;
      }
    }
  }
  assert.ok(accepted > 0 && accepted < 2 * shapes.length ** 2, `${accepted}`);
});
