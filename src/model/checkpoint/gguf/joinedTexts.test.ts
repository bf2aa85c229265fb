import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../base/index.ts';
import { JoinedTexts } from './joinedTexts.ts';

function decode(texts: readonly Uint8Array[]): string[] {
  const joined = new JoinedTexts(texts.length);
  for (const text of texts) joined.add(text, 0, text.length);
  return joined.decode('here');
}

test('texts come back one by one, whatever their characters take', () => {
  const texts = ['\ufeffmark', '', 'a', 'Ġthe', '床前', '😀', '', 'x'.repeat(100_000), 'end\ufeff'];
  assert.deepEqual(decode(texts.map((text) => new TextEncoder().encode(text))), texts);
  assert.deepEqual(decode([]), []);
});

test('a character may not reach from one text into the next', () => {
  const halves = [Uint8Array.of(0x61, 0xe5, 0xba), Uint8Array.of(0x8a)];
  assert.throws(() => decode(halves), FormatError);
  assert.throws(() => decode(halves.slice(0, 1)), FormatError);
});
