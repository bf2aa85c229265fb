import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { floatNumerics } from './float.ts';
import { quantizeMxRow } from './mx.ts';
import { allocateMx, type MxRows } from './numerics.ts';

function randomRow(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => random.float() * 2 - 1);
}

function toMx(data: Float32Array, rows: number): MxRows {
  const columns = data.length / rows;
  const out = allocateMx('mxint8', rows, columns);
  for (let r = 0; r < rows; r++) {
    quantizeMxRow(data.subarray(r * columns, (r + 1) * columns), 32, out, r);
  }
  return out;
}

test('linear rounds each ascending f64 sum once, whatever the numbers of rows and outputs', () => {
  const random = new Random(1);
  for (const [M, N, K] of [
    [1, 1, 1],
    [3, 7, 33],
    [2, 8, 64],
  ] as const) {
    const [x, w] = [randomRow(random, M * K), randomRow(random, N * K)];
    const out = new Float32Array(M * N);
    floatNumerics.linear(x, w, M, N, K, out);
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) sum += x[m * K + k]! * w[n * K + k]!;
        assert.equal(out[m * N + n], Math.fround(sum));
      }
    }
  }
});

test('linear keeps what f32 accumulation would lose', () => {
  const out = new Float32Array(1);
  floatNumerics.linear(
    Float32Array.of(2 ** 30, 1, -(2 ** 30)),
    Float32Array.of(1, 1, 1),
    1,
    1,
    3,
    out,
  );
  assert.equal(out[0], 1);
});

test('MX operands give the product of the numbers they stand for', () => {
  const out = new Float32Array(1);
  const [x, w] = [new Float32Array(64).fill(0.5), new Float32Array(64).fill(-3)];
  floatNumerics.linearMx(toMx(x, 1), toMx(w, 1), out);
  assert.equal(out[0], -96);
});

test('attention weighs values by the softmax of the scaled scores', () => {
  const out = new Float32Array(2);
  const request = {
    query: Float32Array.of(9, 1, 2), // the query starts at its second element
    keys: Float32Array.of(1, 0, 9, 0, 1, 9, 5, 5, 9), // rows of 2 in a stride of 3
    values: Float32Array.of(8, 1, 0, 8, 0, 1, 8, 7, 7),
    queryOffset: 1,
    keyOffset: 0,
    keyStride: 3,
    valueOffset: 1,
    valueStride: 3,
    keyWidth: 2,
    valueWidth: 2,
    count: 2,
    scale: Math.LN2,
  };
  floatNumerics.attend(request, out); // scores ln 2 and 2·ln 2: weights 1/3 and 2/3; row 2 is not visible
  assert.deepEqual([...out], [1 / 3, 2 / 3].map(Math.fround));
});

test('attention on MX rows equals attention on what they stand for', () => {
  const random = new Random(3);
  const [q, kv] = [randomRow(random, 64), randomRow(random, 64 * 5)];
  const [query, rows] = [toMx(q, 1), toMx(kv, 5)];
  const place = {
    queryOffset: 0,
    keyOffset: 64,
    keyStride: 64,
    valueOffset: 64,
    valueStride: 64,
    keyWidth: 64,
    valueWidth: 32,
    count: 4,
    scale: 0.125,
  };
  const [mx, plain] = [new Float32Array(32), new Float32Array(32)];
  floatNumerics.attendMx({ ...place, query, keys: rows, values: rows }, mx);
  const decode = ({ elements, scales }: MxRows): Float32Array =>
    Float32Array.from(elements, (e, i) => e * 2 ** (scales[i >> 5]! - 127 - 6));
  const decoded = { query: decode(query), keys: decode(rows), values: decode(rows) };
  floatNumerics.attend({ ...place, ...decoded }, plain);
  assert.deepEqual(mx, plain);
});

test('rows far from zero are normalised to a mean square of one', () => {
  const out = new Float32Array(4);
  floatNumerics.rmsNormalization(
    Float32Array.of(3, -3, 3, -3),
    Float32Array.of(1, 2, 3, 4),
    0,
    out,
  );
  assert.deepEqual([...out], [1, -2, 3, -4]);
});

test('epsilon keeps rows of zeros at zero', () => {
  const out = new Float32Array(2);
  floatNumerics.rmsNormalization(new Float32Array(2), Float32Array.of(1, 1), 1e-6, out);
  assert.deepEqual([...out], [0, 0]);
});

test('silu is x · sigmoid(x)', () => {
  assert.equal(floatNumerics.silu(0), 0);
  assert.equal(floatNumerics.silu(2), Math.fround(2 / (1 + Math.exp(-2))));
  assert.equal(floatNumerics.silu(-1000), -0);
});
