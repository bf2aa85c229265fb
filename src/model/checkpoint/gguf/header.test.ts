/** Heads of GGUF files: what is read, and that hostile ones are answered quickly. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CeladonError, memorySource, Random, UnsupportedError } from '../../../base/index.ts';
import { encodeGguf } from '../../../../test/gguf/encodeGguf.ts';
import type { GgufTensor } from '../../../../test/gguf/encodeGguf.ts';
import type { TextList } from '../../textList.ts';
import { readRowsF32, rowCount } from '../weight.ts';
import { ggufWeight } from './ggufWeight.ts';
import { readGgufHeader } from './header.ts';
import type { GgufHeader } from './header.ts';

const VECTOR: GgufTensor = {
  name: 'v',
  type: 0,
  shape: [3],
  bytes: new Uint8Array(Float32Array.of(1, -2, 3).buffer),
};
const MATRIX: GgufTensor = { name: 'm', type: 8, shape: [2, 32], bytes: new Uint8Array(68) };
const FILE = encodeGguf({ 'general.architecture': 'test' }, [VECTOR, MATRIX]);

function read(bytes: Uint8Array): GgufHeader {
  return readGgufHeader(memorySource('m.gguf', bytes));
}

/** The file with little-endian words of `bytes` bytes changed. */
function changed(edits: readonly (readonly [at: number, value: bigint])[], bytes = 8): Uint8Array {
  const file = FILE.slice();
  const view = new DataView(file.buffer);
  for (const [at, value] of edits) {
    if (bytes === 8) view.setBigUint64(at, value, true);
    else view.setUint32(at, Number(value), true);
  }
  return file;
}

/** Where a text and its length lie in the file. */
function positionOf(text: string): number {
  return Buffer.from(FILE).indexOf(text) - 8;
}

test('tensors are placed after the head, their extents from the outermost', () => {
  const { metadata, tensors } = read(FILE);
  assert.deepEqual([...metadata], [['general.architecture', 'test']]);
  const [v, m] = [tensors.get('v')!, tensors.get('m')!];
  assert.deepEqual([v.dtype, v.shape, v.sizeBytes], ['F32', [3], 12]);
  assert.deepEqual([m.dtype, m.shape, m.sizeBytes, m.offset - v.offset], ['Q8_0', [2, 32], 68, 32]);
  assert.deepEqual(readRowsF32(ggufWeight(v), 0, 3), Float32Array.of(1, -2, 3));
});

test('what is wrong is named', () => {
  const v = positionOf('v\u0001\u0000\u0000\u0000');
  const m = positionOf('m\u0002\u0000\u0000\u0000');
  const key = positionOf('general.architecture');
  const refused: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /mark of the format must end within the first 0 bytes/],
    [new TextEncoder().encode('{"a": 1}'), /must start with "GGUF"/],
    [
      FILE.subarray(0, 30),
      /2 tensors and 1 entries of metadata must end within the first 30 bytes/,
    ],
    [FILE.subarray(0, 120), /must end within the first 120 bytes/],
    [FILE.subarray(0, FILE.length - 80), /the file must have \d+ bytes or more, not \d+/],
    [changed([[4, 1n]], 4), /version must be 2 or 3, not 1/],
    [changed([[4, 0x03000000n]], 4), /little-endian, not big-endian/],
    [
      changed([[8, 2n ** 63n]]),
      /number of tensors must be at most 100000, not 9223372036854775808/,
    ],
    [changed([[16, 2n ** 40n]]), /entries of metadata must be at most 10000/],
    [changed([[key, 2n ** 62n]]), /length of the name of entry 0 must be at most 1024/],
    [
      changed([[key + 28, 13n]], 4),
      /type of general.architecture must be a number from 0 to 12.* not 13/,
    ],
    [changed([[v + 9, 5n]], 4), /at most 4 extents, not 5/],
    [changed([[v + 13, 2n ** 60n]]), /extent of v must be at most 9007199254740991/],
    [changed([[v + 21, 200n]], 4), /known type, not type 200/],
    [changed([[v + 25, 4n]]), /tensor v must start at byte 0 of the data.* not at 4/],
    [changed([[v + 13, 9n]]), /tensor m must start at byte 64 of the data.* not at 32/],
    [changed([[m + 13, 33n]]), /rows of m must be whole blocks of 32 elements \(Q8_0\), not 33/],
  ];
  for (const [bytes, message] of refused) {
    assert.throws(
      () => read(bytes),
      (error) => {
        assert.ok(error instanceof CeladonError, String(error));
        assert.match(error.message, message);
        assert.match(error.where ?? '', /m\.gguf$/);
        return true;
      },
    );
  }
});

test('arrays are bounded before memory is taken', () => {
  const file = encodeGguf({ list: [1, 2, 3] }, []);
  const at = Buffer.from(file).indexOf('list') + 12;
  const view = new DataView(file.buffer);
  view.setBigUint64(at, 10n ** 6n, true);
  assert.throws(() => read(file), /list must end within the first \d+ bytes/);
  view.setBigUint64(at, 2n ** 50n, true);
  assert.throws(() => read(file), /number of elements of list must be at most 2000000/);
  view.setUint32(at - 4, 9, true);
  assert.throws(() => read(file), /no array in an array, not 9/);
});

test('names that occur twice, odd alignments and flags are refused', () => {
  assert.throws(() => read(encodeGguf({}, [VECTOR, VECTOR])), /one tensor v, not two/);
  for (const alignment of [0, 12, 2 ** 21, 'x', 0.5]) {
    const file = encodeGguf({ 'general.alignment': alignment }, [VECTOR]);
    assert.throws(() => read(file), /general.alignment must be a multiple of 8/);
  }
  const twice = encodeGguf({ ab: 1, ac: 1 }, []);
  twice[Buffer.from(twice).indexOf('ac') + 1] = 'b'.charCodeAt(0);
  assert.throws(() => read(twice), /ab once, not twice/);
  const flag = encodeGguf({ flag: true }, []);
  flag[Buffer.from(flag).indexOf('flag') + 8] = 2;
  assert.throws(() => read(flag), /flag must be 0 or 1, not 2/);
});

test('types that are not decoded are placed, and refused when read', () => {
  const { tensors } = read(
    encodeGguf({}, [{ name: 'x', type: 18, shape: [1, 256], bytes: new Uint8Array(98) }]),
  );
  assert.equal(tensors.get('x')!.dtype, 'IQ3_XXS');
  assert.throws(() => ggufWeight(tensors.get('x')!), {
    name: UnsupportedError.name,
    message: /weights must be stored as one of F32, F16, Q4_0, .*, not IQ3_XXS/,
  });
});

test('damaged files are read or refused', () => {
  const blocks = fs.readFileSync(
    path.join(import.meta.dirname, '../../../../test/formats/blocks.gguf'),
  );
  const random = new Random(7);
  let accepted = 0;
  for (let i = 0; i < 3000; i++) {
    const original = i % 2 ? blocks : FILE;
    const file = new Uint8Array(
      original.subarray(0, random.int(4) ? original.length : 1 + random.int(original.length - 1)),
    );
    for (let edits = random.int(4); edits >= 0; edits--) {
      file[random.int(Math.min(file.length, 2500))] = random.int(2) ? random.int(256) : 255;
    }
    try {
      for (const tensor of read(file).tensors.values()) {
        const weight = ggufWeight(tensor);
        readRowsF32(weight, 0, rowCount(weight.shape));
      }
      accepted++;
    } catch (error) {
      assert.ok(error instanceof CeladonError, String(error));
      assert.ok(error.message.length < 20_000);
    }
  }
  assert.ok(accepted > 0 && accepted < 3000, `${accepted} accepted`);
});

test('lists of texts come back whatever their characters take, and no character reaches into the next text', () => {
  const texts = [
    '\ufeffmark',
    '',
    'a',
    'Ġthe',
    '床前',
    '😀',
    '',
    'x'.repeat(300_000),
    'ž'.repeat(200),
  ];
  const file = encodeGguf({ 'general.architecture': 'test', texts }, []);
  const found = read(file).metadata.get('texts') as TextList;
  assert.deepEqual([...found], texts);
  const at = Buffer.from(file).indexOf('床');
  for (const byte of [at, at + 1, at + 5]) {
    const damaged = file.slice();
    damaged[byte] = 0x61;
    assert.throws(() => read(damaged), /content must be text in UTF-8, not other bytes/);
  }
  const halves = encodeGguf({ 'general.architecture': 'test', texts: ['床', '前'] }, []);
  const first = Buffer.from(halves).indexOf('床');
  // The first text ends within its character, and the second starts with the rest.
  halves[first - 8] = 2;
  assert.throws(() => read(halves), CeladonError);
});

test('lists of numbers come back, however many windows they take', () => {
  const numbers = Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 65_537);
  const file = encodeGguf({ 'general.architecture': 'test', numbers }, []);
  assert.deepEqual(read(file).metadata.get('numbers'), numbers);
});
