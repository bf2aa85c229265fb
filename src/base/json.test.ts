import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listProblems, parseJson, parseJsonRecord, show } from './json.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The error of parsing, with its place. */
function refused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(() => parseJson(bytes, 'x.json'), {
    name: 'FormatError',
    message,
    where: 'x.json',
  });
}

test('JSON is parsed, and what is not JSON in UTF-8 is refused by name', () => {
  assert.deepEqual(parseJson(bytesOf('[1, "春"]'), 'x.json'), [1, '春']);
  refused(bytesOf('[1'), /^content must be JSON: /);
  refused(bytesOf(''), /^content must be JSON: /);
  refused(Uint8Array.of(0x22, 0xff, 0x22), /^content must be text in UTF-8, not other bytes$/);
});

test('too many values are refused before they take memory', () => {
  const list = (count: number): Uint8Array => bytesOf(`[${'{},'.repeat(count - 1)}{}]`);
  assert.equal((parseJson(list(1000), 'x.json') as unknown[]).length, 1000);
  refused(list(750_001), /^content must have at most 1500000 values, not 1500003$/);
});

test('a record is an object, no list and no null', () => {
  assert.deepEqual(parseJsonRecord(bytesOf('{"a":1}'), 'x.json'), { a: 1 });
  for (const text of ['[1]', 'null', '"{}"']) {
    assert.throws(() => parseJsonRecord(bytesOf(text), 'x.json'), /must be a JSON object, not /);
  }
});

test('values are shown short, whatever their size', () => {
  const deep = JSON.parse(`${'['.repeat(1e4)}${']'.repeat(1e4)}`);
  const shown = ['x'.repeat(1e6), deep, { deep }, 2 ** 60, [1, 'a'], Array(5).fill(0)].map(show);
  assert.deepEqual(shown.slice(1), [
    'an array of 1',
    'an object',
    '1152921504606847000',
    '[1, "a"]',
    'an array of 5',
  ]);
  assert.equal(shown[0]!.length, 61);
  const problems = Array.from({ length: 60 }, (_, i) => `p${i}`);
  assert.match(listProblems(problems), /; p49; and 10 more$/);
});
