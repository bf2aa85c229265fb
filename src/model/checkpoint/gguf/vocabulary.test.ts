/** Tokenizers from metadata: kinds of tokens, splits by name, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, UnsupportedError } from '../../../base/index.ts';
import { LETTERS } from '../../byteAlphabet.ts';
import { Tokenizer } from '../../tokenizer.ts';
import type { GgufValue } from './header.ts';
import { PRE_TOKENIZERS } from './preTokenizers.table.ts';
import { chatConfigOfGguf, tokenizerOfGguf } from './vocabulary.ts';

/** Bytes, some merges, and tokens of the other kinds. */
const TOKENS = [...LETTERS, 'ab', '12', '123', 'ĊĊ', '<|end|>', '<think>', '[PAD262]'];
const TYPES = TOKENS.map((_, id) => (id < 260 ? 1 : id - 257)); // 3 special, 4 added, 5 unused
const MERGES = ['a b', '1 2', '12 3', 'Ċ Ċ'];

function metadataOf(more: Readonly<Record<string, GgufValue>> = {}): Map<string, GgufValue> {
  const entries: Record<string, GgufValue> = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': TOKENS,
    'tokenizer.ggml.token_type': TYPES,
    'tokenizer.ggml.merges': MERGES,
    ...more,
  };
  return new Map(Object.entries(entries));
}

function tokenizerOf(more: Readonly<Record<string, GgufValue>> = {}): Tokenizer {
  return new Tokenizer(tokenizerOfGguf(metadataOf(more), 'm.gguf'), 'm.gguf');
}

const idOf = (token: string): number => TOKENS.indexOf(token);

test('special and other added tokens are told apart, and unused ones are no tokens', () => {
  const tokenizer = tokenizerOf();
  const ids = tokenizer.encode('ab<think><|end|>');
  assert.deepEqual(ids, [idOf('ab'), idOf('<think>'), idOf('<|end|>')]);
  assert.equal(tokenizer.decode(ids, { skipSpecial: true }), 'ab<think>');
  assert.deepEqual([...tokenizer.specialTokens], [['<|end|>', 260]]);
  assert.equal(tokenizer.decode([262]), '');
});

test('the name of the splits decides how digits and lines come together', () => {
  const found = Object.fromEntries(
    [...PRE_TOKENIZERS.keys()].map((pre) => {
      const tokenizer = tokenizerOf({ 'tokenizer.ggml.pre': pre });
      return [pre, tokenizer.encode('123\n\nab').map((id) => TOKENS[id])];
    }),
  );
  const [digits, lines] = [['1', '2', '3'], ['ĊĊ']];
  assert.deepEqual(found, {
    qwen2: [...digits, ...lines, 'ab'],
    'deepseek-r1-qwen': [...digits, ...lines, 'ab'],
    qwen35: [...digits, ...lines, 'ab'],
    'deepseek-v3': ['123', ...lines, 'ab'],
    'deepseek-llm': ['123', 'Ċ', 'Ċ', 'ab'],
    'deepseek-coder': [...digits, 'Ċ', 'Ċ', 'ab'],
  });
});

test('any text comes back, whatever the splits', () => {
  const text = 'Größe ΑΩ ж 한국어 你好，世界。 ½ ①\r\n\t x…— "q" a\u0300 🙂 Ａｂ';
  for (const pre of PRE_TOKENIZERS.keys()) {
    const tokenizer = tokenizerOf({ 'tokenizer.ggml.pre': pre });
    const expected = pre.includes('qwen') ? text.normalize('NFC') : text;
    assert.equal(tokenizer.decode(tokenizer.encode(text)), expected);
  }
});

test('the letters of DeepSeek-LLM are in order, so that none is a look-alike', () => {
  const letters = PRE_TOKENIZERS.get('deepseek-llm')!.splits[1]!.slice('\\s?['.length, -2);
  const points = [...letters].filter((c) => c !== '-').map((c) => c.codePointAt(0)!);
  assert.ok(points.every((point, i) => i === 0 || point > points[i - 1]!));
});

test('other kinds of tokenizers and broken lists are refused', () => {
  const refused: [
    Record<string, GgufValue>,
    typeof UnsupportedError | typeof FormatError,
    RegExp,
  ][] = [
    [
      { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.pre': 'default' },
      UnsupportedError,
      /model must be "gpt2", not "llama"; tokenizer.ggml.pre must be one of qwen2, .*, not "default"/,
    ],
    [{ 'tokenizer.ggml.tokens': 'ab' }, FormatError, /tokens must be a list of texts, not "ab"/],
    [{ 'tokenizer.ggml.tokens': ['a', 1] }, FormatError, /tokens must be a list of texts/],
    [{ 'tokenizer.ggml.token_type': [1, 2] }, FormatError, /a type for each of the 263 tokens/],
    [{ 'tokenizer.ggml.token_type': 3 }, FormatError, /token_type must be a list of numbers/],
    [{ 'tokenizer.ggml.merges': [1] }, FormatError, /merges must be a list of texts/],
  ];
  for (const [more, kind, message] of refused) {
    assert.throws(
      () => tokenizerOf(more),
      (error) => error instanceof kind && message.test(error.message),
    );
  }
});

test('the chat template has the texts of the special tokens', () => {
  const config = chatConfigOfGguf(
    metadataOf({
      'tokenizer.chat_template': '{{ eos_token }}',
      'tokenizer.ggml.eos_token_id': 260,
    }),
  );
  assert.equal(config['chat_template'], '{{ eos_token }}');
  assert.equal(config['eos_token'], '<|end|>');
  assert.equal(config['bos_token'], undefined);
});
