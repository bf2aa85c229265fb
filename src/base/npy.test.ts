import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CeladonError, FormatError, ShapeError } from './errors.ts';
import { decodeNpy, encodeNpy } from './npy.ts';
import { Random } from './random.ts';

const SAMPLE = { shape: [2, 3], data: Float32Array.of(1, -2.5, 3e-40, 4, Infinity, 6) };

function withHeader(text: string): Uint8Array {
  const bytes = encodeNpy(SAMPLE);
  const header = text.padEnd(bytes.length - 24 - 10 - 1) + '\n';
  bytes.set(new TextEncoder().encode(header), 10);
  return bytes;
}

test('an array survives encoding and decoding', () => {
  for (const shape of [[6], [2, 3], [1, 2, 3], [6, 1]]) {
    assert.deepEqual(decodeNpy(encodeNpy({ ...SAMPLE, shape }), 'a.npy'), { ...SAMPLE, shape });
  }
  const empty = { shape: [0, 4], data: new Float32Array(0) };
  assert.deepEqual(decodeNpy(encodeNpy(empty), 'a.npy'), empty);
});

test('the file has the bytes that numpy.save writes', () => {
  const bytes = encodeNpy({ shape: [1, 1], data: Float32Array.of(1) });
  const dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }";
  const head = `\x93NUMPY\x01\x00\x76\x00${dict.padEnd(117)}\n`;
  assert.equal(bytes.length, 128 + 4);
  assert.deepEqual(
    [...bytes.subarray(0, 128)],
    [...head].map((c) => c.charCodeAt(0)),
  );
  assert.deepEqual([...bytes.subarray(128)], [0, 0, 0x80, 0x3f]);
});

test('data that do not fill the shape are refused', () => {
  const data = new Float32Array(5);
  assert.throws(() => encodeNpy({ shape: [2, 3], data }), {
    name: ShapeError.name,
    message: 'shape [2,3] requires 6 values, not 5',
  });
});

test('other dtypes, orders, versions and cut files are refused with the reason', () => {
  const doubles = withHeader("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }");
  const fortran = withHeader("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }");
  const huge = withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 3), }");
  const version2 = encodeNpy(SAMPLE);
  version2[6] = 2;
  assert.throws(() => decodeNpy(doubles, 'a.npy'), /not '<f8' with fortran_order False/);
  assert.throws(() => decodeNpy(fortran, 'a.npy'), /fortran_order True/);
  assert.throws(() => decodeNpy(huge, 'a.npy'), /must take 119999999988 bytes, not 24/);
  assert.throws(() => decodeNpy(version2, 'a.npy'), /version 1\.0/);
  for (const length of [0, 5, 9, 60, 140]) {
    assert.throws(() => decodeNpy(encodeNpy(SAMPLE).subarray(0, length), 'a.npy'), FormatError);
  }
});

test('changed bytes in a header either decode or give an answer, never a crash', () => {
  const random = new Random(11);
  for (let i = 0; i < 2000; i++) {
    const bytes = encodeNpy(SAMPLE);
    bytes[random.int(128)] = random.int(256);
    try {
      assert.equal(decodeNpy(bytes, 'a.npy').data.length, 6);
    } catch (error) {
      assert.ok(error instanceof CeladonError, String(error));
    }
  }
});
