/** Blocks of every type against the package `gguf`, which wrote test/formats/blocks.gguf. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { memorySource } from '../../../base/index.ts';
import { TextList } from '../../textList.ts';
import { readRowsF32 } from '../weight.ts';
import { READABLE_TYPES } from './ggmlTypes.table.ts';
import { ggufWeight } from './ggufWeight.ts';
import { readGgufHeader } from './header.ts';

const FILE = path.join(import.meta.dirname, '../../../../test/formats/blocks.gguf');
const { metadata, tensors } = readGgufHeader(memorySource('blocks.gguf', fs.readFileSync(FILE)));

/** The values as bits, so that zeros keep their signs. */
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer);

for (const type of READABLE_TYPES.filter((name) => name !== 'F32')) {
  test(`${type}: random blocks decode to the bits of ggml's own definition`, () => {
    const weight = ggufWeight(tensors.get(type)!);
    const expected = readRowsF32(ggufWeight(tensors.get(`${type}.expected`)!), 0, 4);
    assert.deepEqual(weight.shape, tensors.get(`${type}.expected`)!.shape);
    assert.deepEqual(bitsOf(readRowsF32(weight, 0, 4)), bitsOf(expected));
    const row = expected.length / 4;
    assert.deepEqual(readRowsF32(weight, 2, 1), expected.slice(2 * row, 3 * row));
  });
}

test('metadata of every type is read', () => {
  const own = metadata.entries().filter(([key]) => key.startsWith('test.'));
  const found = Object.fromEntries(
    own.map(([key, value]) => [key, value instanceof TextList ? [...value] : value]),
  );
  assert.deepEqual(found, {
    'test.uint8': 7,
    'test.int8': -7,
    'test.uint16': 7,
    'test.int16': -7,
    'test.uint32': 7,
    'test.int32': -7,
    'test.uint64': 7,
    'test.int64': -7,
    'test.float32': 0.5,
    'test.float64': -0.1,
    'test.bool': true,
    'test.string': 'žluťoučký 猫',
    'test.strings': ['a', '', 'ab'],
    'test.numbers': [1, -2, 3],
  });
});
