/** Tokenizers of the families against Hugging Face's library (scripts/golden/make_tokenizers.py). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Tokenizer } from '../src/model/index.ts';
import { openPublishedTokenizer, readTokenizerGolden } from './text/goldenTokenizers.ts';
import { TEXTS, TOKENIZER_NAMES } from './text/goldenTokenizers.ts';

for (const name of TOKENIZER_NAMES) {
  describe(name, () => {
    const tokenizer = openPublishedTokenizer(name);
    const golden = readTokenizerGolden(name);

    test('every text has the ids that Hugging Face gives it', () => {
      assert.equal(golden.ids.length, TEXTS.length);
      for (const [i, text] of TEXTS.entries())
        assert.deepEqual(tokenizer.encode(text), golden.ids[i], JSON.stringify(text));
    });

    test('any ids have the text that Hugging Face gives them', () => {
      for (const { ids, text, plain } of golden.decoded) {
        assert.equal(tokenizer.decode(ids), text);
        assert.equal(tokenizer.decode(ids, { skipSpecial: true }), plain);
      }
    });

    test('texts come back whole, and from a stream without a split character', () => {
      for (const [i, text] of TEXTS.entries()) {
        const ids = golden.ids[i]!;
        const decoded = tokenizer.decode(ids);
        assert.equal(decoded.normalize('NFC'), text.normalize('NFC'));
        assert.equal(streamed(tokenizer, ids, text), decoded);
      }
    });
  });
}

/** Joins the pieces of a stream; none may hold a replacement character that the text does not have. */
function streamed(tokenizer: Tokenizer, ids: readonly number[], text: string): string {
  const stream = tokenizer.stream();
  const pieces = ids.map((id) => stream.push(id));
  if (!text.includes('\ufffd')) assert.ok(pieces.every((piece) => !piece.includes('\ufffd')));
  return pieces.join('') + stream.end();
}

test('a surrogate alone is encoded as the replacement character', () => {
  const tokenizer = openPublishedTokenizer('qwen3');
  for (const text of ['a\ud800b', '\udc00', '\ud83d\ud83d\ude00', '1\udfff \ud900\n'])
    assert.deepEqual(tokenizer.encode(text), tokenizer.encode(text.toWellFormed()));
  assert.deepEqual(tokenizer.decode(tokenizer.encode('a\ud800b')), 'a\ufffdb');
});

test('a word of 200 000 letters is encoded', () => {
  const tokenizer = openPublishedTokenizer('deepseek_v3');
  const word = 'ab'.repeat(100_000);
  assert.equal(tokenizer.decode(tokenizer.encode(word)), word);
});
