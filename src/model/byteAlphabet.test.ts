import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOfEntry, LETTERS } from './byteAlphabet.ts';

test('the 256 letters differ and are those of GPT-2 where known', () => {
  assert.equal(new Set(LETTERS).size, 256);
  assert.equal(LETTERS[0x41], 'A');
  assert.equal(LETTERS[0x20], 'Ġ');
  assert.equal(LETTERS[0x0a], 'Ċ');
  assert.equal(LETTERS[0xad], 'Ń');
  assert.equal(LETTERS[0xff], 'ÿ');
});

test('an entry in letters stands for those bytes, any other for its UTF-8', () => {
  assert.deepEqual([...bytesOfEntry(LETTERS.join(''))], [...LETTERS.keys()]);
  assert.deepEqual([...bytesOfEntry('床')], [0xe5, 0xba, 0x8a]);
  assert.deepEqual([...bytesOfEntry('')], []);
});
