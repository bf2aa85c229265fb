/** Rows and recurrences against the interpreter's own f64 sums, and the order that docs/numerics.md gives them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { loadChip } from '../../../chip/index.ts';
import { floatNumerics } from '../../../ir/index.ts';
import { jadeNumerics } from './jadeNumerics.ts';

const JADE = jadeNumerics(loadChip('jade-edge'));
const random = new Random(7);

function rows(count: number, limit = 1): Float32Array {
  return Float32Array.from({ length: count }, () => (random.float() * 2 - 1) * limit);
}

function requireClose(found: Float32Array, required: Float32Array, tolerance: number): void {
  const error = Math.max(...required.map((value, i) => Math.abs(value - found[i]!)));
  assert.ok(error < tolerance, `differs by ${error}`);
}

test('a convolution starts from its first product, so a row of -0 stays one', () => {
  const out = new Float32Array(2);
  JADE.convolve(Float32Array.of(-0, 3, -0, 5), Float32Array.of(1, 2, 1, 4), out);
  assert.deepEqual(out, Float32Array.of(-0, 23));
});

test('norms are those of the interpreter within 2^-20', () => {
  const [x, weight, bias] = [rows(77, 3), rows(77), rows(77)];
  const [found, required] = [new Float32Array(77), new Float32Array(77)];
  JADE.layerNormalization(x, weight, bias, 1e-5, found);
  floatNumerics.layerNormalization(x, weight, bias, 1e-5, required);
  requireClose(found, required, 2 ** -20);
  JADE.l2Normalization(x, 1e-6, found);
  floatNumerics.l2Normalization(x, 1e-6, required);
  requireClose(found, required, 2 ** -20);
});

test('the delta rule is that of the interpreter, with its state, and chunks do not count', () => {
  const [T, K, V] = [9, 12, 7];
  const given = {
    ...{ query: rows(T * K), key: rows(T * K, 0.5), value: rows(T * V) },
    ...{ decay: rows(T).map((x) => -Math.abs(x)), beta: rows(T).map(Math.abs), scale: 0.3 },
  };
  const start = rows(K * V);
  const run = (numerics: typeof JADE, chunk: number): Float32Array[] => {
    const [state, out] = [start.slice(), new Float32Array(T * V)];
    numerics.gatedDelta({ ...given, state, chunk }, out);
    return [state, out];
  };
  const [found, required, chunked] = [run(JADE, 1), run(floatNumerics, 1), run(JADE, 4)];
  assert.deepEqual(chunked, found);
  // Nine tokens of about 4 · 12 roundings each, of numbers up to 4.
  for (const i of [0, 1]) requireClose(found[i]!, required[i]!, 1e-5);
});
