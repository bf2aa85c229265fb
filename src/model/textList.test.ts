import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TextList } from './textList.ts';

const TEXTS = ['\ufeffmark', '', 'a', 'Ġthe', '床前', '😀', '', 'x'.repeat(100_000), 'end\ufeff'];

test('texts come back one by one, whatever their characters take', () => {
  assert.deepEqual([...TextList.of(TEXTS)], TEXTS);
  assert.deepEqual([...TextList.of([])], []);
});

test('places may be without a text, and texts can be left out', () => {
  const list = TextList.of(['a', undefined, 'c']);
  assert.deepEqual([...list], ['a', undefined, 'c']);
  assert.deepEqual([...list.without([2])], ['a', undefined, undefined]);
  assert.deepEqual(
    [3, -1, 0.5].map((place) => list.at(place)),
    [undefined, undefined, undefined],
  );
  assert.deepEqual([...list], ['a', undefined, 'c']);
});

test('a surrogate alone is U+FFFD', () => {
  assert.match(TextList.of(['a\ud800b']).at(0)!, /^a\ufffd+b$/);
});
