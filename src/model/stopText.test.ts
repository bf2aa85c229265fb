import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { StopText } from './stopText.ts';

/** What is shown of pieces, and the stop string that ended them. */
function show(pieces: readonly string[], stops: readonly string[]): [string, string | undefined] {
  const stop = new StopText(stops);
  let shown = '';
  for (const piece of pieces) shown += stop.push(piece);
  return [shown + stop.end(), stop.found];
}

test('a stop string over several pieces ends the text before it', () => {
  assert.deepEqual(show(['Hello', ' EN', 'D', ' more'], ['END']), ['Hello ', 'END']);
  assert.deepEqual(show(['a\n', '\nb'], ['\n\n']), ['a', '\n\n']);
});

test('only what could begin a stop string is held back, and given when it does not', () => {
  const stop = new StopText(['STOP', 'ST.']);
  assert.equal(stop.push('a S'), 'a ');
  assert.equal(stop.push('T'), '');
  assert.equal(stop.push('A'), 'STA');
  assert.equal(stop.push('SST'), 'S');
  assert.equal(stop.end(), 'ST');
});

test('without stop strings nothing is held back', () => {
  assert.deepEqual(show(['a', 'b'], []), ['ab', undefined]);
});

test('the first complete stop string counts, the longest where several end', () => {
  assert.deepEqual(show(['xabcd'], ['abcd', 'bc']), ['xa', 'bc']);
  assert.deepEqual(show(['xabc'], ['bc', 'abc']), ['x', 'abc']);
});

test('how a text is cut into pieces changes nothing', () => {
  const random = new Random(9);
  for (let round = 0; round < 2000; round++) {
    const letters = (count: number): string =>
      Array.from({ length: count }, () => 'ab'[random.int(2)]).join('');
    const stops = Array.from({ length: random.int(4) }, () => letters(1 + random.int(6)));
    const text = letters(random.int(30));
    const pieces: string[] = [];
    for (let at = 0; at < text.length;) {
      const length = random.int(4);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    assert.deepEqual(show(pieces, stops), show([...text], stops), JSON.stringify([pieces, stops]));
  }
});

test('stop strings must be some characters, and not too many', () => {
  assert.throws(() => new StopText(['']), { name: 'UsageError' });
  assert.throws(() => new StopText(Array(17).fill('a')), {
    message: 'there must be at most 16 stop strings, not 17',
  });
});
