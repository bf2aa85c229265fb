import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, UnsupportedError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import {
  allocateMx,
  floatNumerics,
  type AttendRequest,
  type MxFormat,
  type MxRows,
} from '../../../ir/index.ts';
import edge from '../../../../catalogue/chips/jade-edge.json' with { type: 'json' };
import { plainDot } from './dot.ts';
import { exp2, LOG2E, reciprocal, silu } from './functions.ts';
import { jadeNumerics } from './jadeNumerics.ts';
import { UNIT_EXPONENTS } from './mx.ts';

const { fround } = Math;

function chipWith(format: 'mxint8' | 'mxfp8', lanes = 64): Chip {
  const base = edge as Chip;
  return {
    ...base,
    matrix: { ...base.matrix, activationFormat: format },
    vector: { ...base.vector, lanes },
  };
}

function numbers(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => (random.float() - 0.5) * 4);
}

function quantized(values: Float32Array, rows: number, format: MxFormat, group: number): MxRows {
  const out = allocateMx(format, rows, values.length / rows);
  const { quantize } = jadeNumerics(chipWith('mxint8'));
  for (let row = 0; row < rows; row++) {
    quantize(values.subarray(row * out.columns, (row + 1) * out.columns), group, out, row);
  }
  return out;
}

/** Σ along one row of each, block by block, as section 2 says. */
function dotOf(a: MxRows, aRow: number, w: MxRows, wRow: number, unscaled = false): number {
  const blocks = a.columns / 32;
  let acc = 0;
  for (let b = 0; b < blocks; b++) {
    let sum = 0;
    for (let i = 0; i < 32; i++) {
      const k = b * 32 + i;
      sum += a.elements[aRow * a.columns + k]! * w.elements[wRow * w.columns + k]!;
    }
    const [sa, sw] = [a.scales[aRow * blocks + b]!, unscaled ? 127 : w.scales[wRow * blocks + b]!];
    const units = UNIT_EXPONENTS[a.format] + UNIT_EXPONENTS[w.format];
    acc = fround(acc + fround(sum * 2 ** (sa + sw - 254 - units)));
  }
  return acc;
}

test('linearMx is one dot product for each pair of rows', () => {
  const random = new Random(1);
  for (const format of ['mxint8', 'mxfp8'] as const) {
    const x = quantized(numbers(random, 3 * 64), 3, format, 32);
    for (const weightFormat of ['mxint8', 'mxfp8', 'mxfp4'] as const) {
      const w = quantized(numbers(random, 5 * 64), 5, weightFormat, 32);
      const out = new Float32Array(15);
      jadeNumerics(chipWith(format)).linearMx(x, w, out);
      out.forEach((y, i) => assert.equal(y, dotOf(x, Math.floor(i / 5), w, i % 5)));
    }
  }
});

interface Case {
  readonly request: AttendRequest<MxRows>;
  readonly keys: MxRows;
  readonly values: MxRows;
  readonly queries: MxRows;
}

const HEADS = 2;
const WIDTH = 64;

/** Two heads' rows of keys and values, one scale a value row; the second query against the second head. */
function attentionCase(random: Random, format: 'mxint8' | 'mxfp8', count: number): Case {
  const rows = HEADS * 70;
  const queries = quantized(numbers(random, 2 * WIDTH), 2, format, 32);
  const keys = quantized(numbers(random, rows * WIDTH), rows, format, 32);
  const values = quantized(numbers(random, rows * WIDTH), rows, format, WIDTH);
  const place = { keyOffset: WIDTH, keyStride: HEADS * WIDTH };
  const valuePlace = { valueOffset: WIDTH, valueStride: HEADS * WIDTH, valueWidth: WIDTH };
  const request = {
    query: queries,
    keys,
    values,
    queryOffset: WIDTH,
    ...place,
    ...valuePlace,
    keyWidth: WIDTH,
    count,
    scale: 0.125,
  };
  return { request, keys, values, queries };
}

/** Section 4 of docs/numerics.md. */
function expectedAttention(
  { request, keys, values, queries }: Case,
  format: MxFormat,
): Float32Array {
  const { count, scale } = request;
  const rowOf = (t: number): number => t * HEADS + 1;
  const scores = Array.from({ length: count }, (_, t) => dotOf(queries, 1, keys, rowOf(t)));
  const largest = Math.max(...scores);
  const powers = scores.map((s) =>
    exp2(fround(fround(s - largest) * fround(fround(scale) * LOG2E))),
  );
  // 64 lanes and fewer than 128 terms: lane sums have at most two terms each.
  const lanes = Array.from({ length: 64 }, (_, l) =>
    fround((powers[l] ?? 0) + (powers[l + 64] ?? 0)),
  );
  while (lanes.length > 1) {
    const half = lanes.length / 2;
    lanes.splice(
      0,
      lanes.length,
      ...lanes.slice(0, half).map((x, i) => fround(x + lanes[half + i]!)),
    );
  }
  const padded = new Float32Array(Math.ceil(count / 32) * 32);
  powers.forEach((e, t) => {
    const p = fround(e * reciprocal(lanes[0]!));
    padded[t] = p * 2 ** (values.scales[(rowOf(t) * WIDTH) / 32]! - 127);
  });
  const probabilities = quantized(padded, 1, format, 32);
  return Float32Array.from({ length: WIDTH }, (_, channel) => {
    const column = allocateMx(values.format, 1, padded.length);
    for (let t = 0; t < count; t++) {
      column.elements[t] = values.elements[rowOf(t) * WIDTH + channel]!;
    }
    return dotOf(probabilities, 0, column, 0, true);
  });
}

for (const format of ['mxint8', 'mxfp8'] as const) {
  test(`${format}: attention follows the contract step by step`, () => {
    const random = new Random(2);
    for (const count of [1, 31, 32, 33, 70]) {
      const one = attentionCase(random, format, count);
      const out = new Float32Array(WIDTH);
      jadeNumerics(chipWith(format)).attendMx(one.request, out);
      assert.deepEqual(out, expectedAttention(one, format));
    }
  });

  test(`${format}: attention is near to what exact arithmetic gives`, () => {
    const one = attentionCase(new Random(3), format, 50);
    const [out, exact] = [new Float32Array(WIDTH), new Float32Array(WIDTH)];
    jadeNumerics(chipWith(format)).attendMx(one.request, out);
    floatNumerics.attendMx(one.request, exact);
    out.forEach((x, i) => assert.ok(Math.abs(x - exact[i]!) < 0.05, `${x} for ${exact[i]}`));
  });
}

test('rows that are not visible do not matter, not even NaN blocks', () => {
  const one = attentionCase(new Random(4), 'mxfp8', 33);
  const results = [0, 1].map((spoil) => {
    if (spoil === 1) {
      one.keys.scales.fill(255, (33 * HEADS * WIDTH) / 32);
      one.values.scales.fill(255, (33 * HEADS * WIDTH) / 32);
      one.values.elements.fill(NaN, 33 * HEADS * WIDTH);
    }
    const out = new Float32Array(WIDTH);
    jadeNumerics(chipWith('mxfp8')).attendMx(one.request, out);
    return out;
  });
  assert.deepEqual(results[1], results[0]);
});

test('a NaN in a visible value row makes every channel the canonical NaN', () => {
  const one = attentionCase(new Random(5), 'mxint8', 40);
  one.values.scales.fill(255, (WIDTH * 7) / 32, (WIDTH * 8) / 32);
  const out = new Float32Array(WIDTH);
  jadeNumerics(chipWith('mxint8')).attendMx(one.request, out);
  assert.deepEqual(new Uint32Array(out.buffer), new Uint32Array(WIDTH).fill(0x7fc00000));
});

test('plain and fast products give the same attention', () => {
  const one = attentionCase(new Random(6), 'mxint8', 64);
  const outs = [jadeNumerics(chipWith('mxint8'), plainDot), jadeNumerics(chipWith('mxint8'))].map(
    (numerics) => {
      const out = new Float32Array(WIDTH);
      numerics.attendMx(one.request, out);
      return out;
    },
  );
  assert.deepEqual(outs[1], outs[0]);
});

test('silu is the chip’s, and the lanes of the chip decide how norms round', () => {
  assert.equal(jadeNumerics(chipWith('mxint8')).silu(fround(0.7)), silu(fround(0.7)));
  // Lane 0 holds 2^24, to which no 1 can be added; more lanes bring more of the ones elsewhere.
  const [x, w] = [new Float32Array(4096).fill(1), new Float32Array(4096).fill(1)];
  x[0] = 4096;
  const norms = [4, 64].map((lanes) => {
    const out = new Float32Array(4096);
    jadeNumerics(chipWith('mxint8', lanes)).rmsNormalization(x, w, 1e-6, out);
    return out;
  });
  assert.notEqual(norms[0]![0], norms[1]![0]);
  assert.ok(Math.abs(norms[0]![0]! / norms[1]![0]! - 1) < 1e-4);
});

test('f32 contractions are refused with the way out', () => {
  const { linear } = jadeNumerics(chipWith('mxint8'));
  const none = new Float32Array(0);
  assert.throws(
    () => linear(none, none, 0, 0, 0, none),
    (error) =>
      error instanceof UnsupportedError &&
      error.message === 'linear on jade-edge must have MX operands, not f32' &&
      error.hint === 'run the quantizeForMatrixUnit pass of the target first',
  );
});

test('rows of a table of embeddings are rounded to bf16, ties to even', () => {
  const ulp = 2 ** -7; // of bf16, from 1 to 2
  const row = Float32Array.of(1 + ulp, 1 + ulp / 2, 1 + 1.5 * ulp, -1 - 0.51 * ulp, 2 ** -130);
  const out = new Float32Array(row.length);
  jadeNumerics(chipWith('mxint8')).embed(row, out);
  assert.deepEqual([...out], [1 + ulp, 1, 1 + 2 * ulp, -1 - ulp, 2 ** -130]);
});

test('index scores are sums over heads of weights times products above zero', () => {
  const random = new Random(7);
  for (const format of ['mxint8', 'mxfp8'] as const) {
    const [query, keys] = [5, 40].map((rows) =>
      quantized(numbers(random, rows * WIDTH), rows, format, 32),
    ) as [MxRows, MxRows];
    const weights = numbers(random, 5);
    const scores = new Float32Array(40);
    jadeNumerics(chipWith(format)).indexScoresMx({ query, weights, keys }, scores);
    scores.forEach((score, s) => {
      const terms = [...weights].map((w, h) => fround(w * Math.max(0, dotOf(query, h, keys, s))));
      assert.equal(
        score,
        terms.reduce((sum, term) => fround(sum + term), 0),
      );
    });
  }
});

test('a key of no numbers scores nothing', () => {
  const random = new Random(8);
  const [query, keys] = [3, 2].map((rows) =>
    quantized(numbers(random, rows * WIDTH), rows, 'mxint8', 32),
  ) as [MxRows, MxRows];
  keys.scales.fill(255, 0, 1);
  const scores = new Float32Array(2);
  const weights = Float32Array.of(1, 2, 3);
  jadeNumerics(chipWith('mxint8')).indexScoresMx({ query, weights, keys }, scores);
  assert.equal(scores[0], 0);
});
