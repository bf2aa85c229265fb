import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { TextIndex } from './textIndex.ts';
import { TextList } from './textList.ts';

test('an index finds what a Map finds, whatever collides', () => {
  const random = new Random(5);
  const letters = ['a', 'b', '\u0120', '\u{1f600}', '\ud800'];
  for (const count of [0, 1, 2, 3, 500, 4000]) {
    const texts = Array.from({ length: count }, (_, i) => {
      const length = random.int(7);
      if (i % 11 === 10) return undefined;
      return Array.from({ length }, () => letters[random.int(letters.length)]).join('');
    });
    const map = new Map(texts.map((text, i) => [text, i]));
    const index = new TextIndex(TextList.of(texts));
    for (const text of texts) {
      if (text === undefined) continue;
      assert.equal(index.get(text), map.get(text), text);
      assert.ok(index.has(text));
      assert.equal(index.has(`${text}-`), false);
    }
    assert.equal(index.get('none'), undefined);
  }
});
