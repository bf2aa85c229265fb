import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { allocateMx, MX_FORMATS, quantizeMxRow, type MxFormat } from '../../../ir/index.ts';
import {
  decodeElements,
  ELEMENTS,
  MX_ELEMENT_BITS,
  quantizeGroup,
  quantizeWeights,
  UNIT_EXPONENTS,
} from './mx.ts';

/** Values of many magnitudes, with zeros, ties and subnormals among them. */
function numbers(random: Random, count: number): Float32Array {
  const spread = random.int(3) === 0 ? 160 : 4;
  return Float32Array.from({ length: count }, () => {
    const kind = random.int(8);
    if (kind === 0) return 0;
    if (kind === 1) return (random.int(65) - 32) / 16;
    return (random.float() - 0.5) * 2 ** (random.int(spread) - spread / 2);
  });
}

/** The nearest element to v, by looking at all of them; of two as near, the one with the even code. */
function nearest(v: number, format: MxFormat): number {
  const unit = 2 ** -UNIT_EXPONENTS[format];
  let best = NaN;
  let bestCode = 0;
  ELEMENTS[format].forEach((element, code) => {
    if (Number.isNaN(element) || element < -127 * (format === 'mxint8' ? 1 : 1000)) return;
    const distance = Math.abs(element * unit - v);
    const bestDistance = Math.abs(best * unit - v);
    const better = distance < bestDistance || (distance === bestDistance && isEven(code));
    if (Number.isNaN(best) || (better && !(distance === bestDistance && isEven(bestCode)))) {
      best = element;
      bestCode = code;
    }
  });
  return best;
}

function isEven(code: number): boolean {
  return code % 2 === 0;
}

for (const format of MX_FORMATS) {
  test(`${format}: each element is the nearest under a scale that brings the largest in range`, () => {
    const random = new Random(1);
    for (let trial = 0; trial < 60; trial++) {
      const values = numbers(random, 32);
      const codes = new Uint8Array(32);
      const e = quantizeGroup(values, 0, 32, format, codes, 0) - 127;
      const largest = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const emax = { mxint8: 0, mxfp4: 2, mxfp8: 8 }[format];
      const rule = largest < 2 ** -126 ? -60 : Math.floor(Math.log2(largest)) - emax;
      assert.equal(e, Math.min(60, Math.max(-60, rule)));
      values.forEach((v, i) => {
        const element = ELEMENTS[format][codes[i]!]!;
        assert.equal(element + 0, nearest(v * 2 ** -e, format) + 0, `${v} at scale 2^${e}`);
      });
    }
  });

  test(`${format}: groups and the search of weights agree with the interpreter's float numerics`, () => {
    const random = new Random(2);
    for (let trial = 0; trial < 60; trial++) {
      const values = numbers(random, 128);
      const search = trial % 2 === 1;
      const expected = allocateMx(format, 1, 128);
      quantizeMxRow(values, 64, expected, 0, search);
      for (let start = 0; start < 128; start += 64) {
        const codes = new Uint8Array(64);
        const scale = quantizeGroup(values, start, 64, format, codes, 0, search);
        assert.equal(scale, expected.scales[start / 32]);
        assert.equal(scale, expected.scales[start / 32 + 1]);
        codes.forEach((code, i) => {
          assert.equal(ELEMENTS[format][code], expected.elements[start + i]);
        });
      }
    }
  });

  test(`${format}: a group with a NaN or an infinity becomes zeros under scale 255`, () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const values = new Float32Array(32).fill(3);
      values[17] = bad;
      const codes = new Uint8Array(32).fill(9);
      assert.equal(quantizeGroup(values, 0, 32, format, codes, 0), 255);
      assert.deepEqual(codes, new Uint8Array(32));
    }
  });

  test(`${format}: packed weights decode to their elements`, () => {
    const random = new Random(3);
    const data = numbers(random, 3 * 64);
    const { elements, scales } = quantizeWeights(data, 3, 64, format);
    assert.equal(elements.length, (3 * 64 * MX_ELEMENT_BITS[format]) / 8);
    const expected = allocateMx(format, 3, 64);
    for (let row = 0; row < 3; row++) {
      for (let start = 0; start < 64; start += 32) {
        const one = allocateMx(format, 1, 32);
        quantizeMxRow(data.slice(row * 64 + start, row * 64 + start + 32), 32, one, 0, true);
        expected.elements.set(one.elements, row * 64 + start);
        expected.scales.set(one.scales, (row * 64 + start) / 32);
      }
    }
    assert.deepEqual(scales, expected.scales);
    const decoded = expected.elements.slice().fill(0);
    decodeElements(elements, 0, 3 * 64, format, decoded, 0);
    assert.deepEqual(
      decoded.map((x) => x + 0),
      expected.elements.map((x) => x + 0),
    );
  });
}

test('a scale is clamped to 2^60 and elements saturate', () => {
  const codes = new Uint8Array(32);
  assert.equal(quantizeGroup(new Float32Array(32).fill(2 ** 100), 0, 32, 'mxint8', codes, 0), 187);
  assert.equal(ELEMENTS.mxint8[codes[0]!], 127);
  assert.equal(
    quantizeGroup(new Float32Array(32).fill(-(2 ** 127)), 0, 32, 'mxfp8', codes, 0, true),
    187,
  );
  assert.equal(ELEMENTS.mxfp8[codes[0]!], -448);
});

test('weights keep the exponent with the smaller squared error', () => {
  // Under 2^0, 1.999 saturates at 127/64 = 1.984; under 2^1, it becomes 64/64 · 2 = 2.
  const block = new Float32Array(32).fill(1.999);
  assert.deepEqual(quantizeWeights(block, 1, 32, 'mxint8').scales, Uint8Array.of(128));
  // 1.5 is exact under both: a tie keeps e.
  assert.deepEqual(quantizeWeights(block.fill(1.5), 1, 32, 'mxint8').scales, Uint8Array.of(127));
});

test('weights must be whole blocks', () => {
  assert.throws(() => quantizeWeights(new Float32Array(40), 1, 40, 'mxfp4'), {
    message: 'weights in mxfp4 must be rows × a multiple of 32 numbers, not 40 as 1 × 40',
  });
});
