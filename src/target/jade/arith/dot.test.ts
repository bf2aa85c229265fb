import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { MX_FORMATS, type MxFormat } from '../../../ir/index.ts';
import { plainDot, type Dot, type DotRequest, type DotRows } from './dot.ts';
import { fastDot } from './fastDot.ts';
import { ELEMENTS, UNIT_EXPONENTS } from './mx.ts';

interface Shape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** `count` rows with gaps between them; scales from `low` to `high`, one in `nanIn` of them NaN. */
function rows(
  random: Random,
  format: MxFormat,
  count: number,
  K: number,
  [low, high, nanIn]: readonly [number, number, number],
): DotRows {
  const finite = ELEMENTS[format].filter((x) => x === x);
  const [stride, scaleStride] = [K + 32, K / 32 + 3];
  const elements =
    format === 'mxfp8' ? new Float32Array(count * stride + 5) : new Int8Array(count * stride + 5);
  for (let i = 0; i < elements.length; i++) elements[i] = finite[random.int(finite.length)]!;
  const scales = Uint8Array.from({ length: count * scaleStride + 2 }, () =>
    random.int(nanIn) === 0 ? 255 : low + random.int(high - low + 1),
  );
  return { elements, offset: 5, stride, scales, scaleOffset: 2, scaleStride };
}

function request(
  a: DotRows,
  w: DotRows,
  formats: readonly [MxFormat, MxFormat],
  { M, N, K }: Shape,
  accumulate: boolean,
): DotRequest {
  const unitExponent = UNIT_EXPONENTS[formats[0]] + UNIT_EXPONENTS[formats[1]];
  const out = Float32Array.from({ length: M * (N + 2) + 1 }, (_, i) => i / 7 - 3);
  return { a, w, M, N, K, unitExponent, out, outOffset: 1, outStride: N + 2, accumulate };
}

/** The f32 nearest to `numerator` · 2^exponent, ties to even, by integers alone. */
function roundExact(numerator: bigint, exponent: number): number {
  if (numerator === 0n) return 0;
  const magnitude = numerator < 0n ? -numerator : numerator;
  const bits = magnitude.toString(2).length;
  const dropped = Math.max(bits - 24, -149 - exponent, 0);
  let quotient = magnitude >> BigInt(dropped);
  const rest = magnitude - (quotient << BigInt(dropped));
  const half = dropped === 0 ? 1n : 1n << BigInt(dropped - 1);
  if (dropped > 0 && (rest > half || (rest === half && quotient % 2n === 1n))) quotient++;
  return Math.fround(Number(quotient) * 2 ** (exponent + dropped)) * (numerator < 0n ? -1 : 1);
}

/** Section 2 of docs/numerics.md in exact integers: elements are multiples of 2^-9. */
function expectedSum(r: DotRequest, m: number, n: number, start: number): number {
  let acc = start;
  for (let block = 0; block < r.K / 32; block++) {
    let sum = 0n;
    for (let i = 0; i < 32; i++) {
      const a = r.a.elements[r.a.offset + m * r.a.stride + block * 32 + i]!;
      const w = r.w.elements[r.w.offset + n * r.w.stride + block * 32 + i]!;
      sum += BigInt(a * 512) * BigInt(w * 512);
    }
    const sa = r.a.scales![r.a.scaleOffset + m * r.a.scaleStride + block]!;
    const sw = r.w.scales ? r.w.scales[r.w.scaleOffset + n * r.w.scaleStride + block]! : 127;
    const addend =
      sa === 255 || sw === 255 ? NaN : roundExact(sum, sa + sw - 254 - r.unitExponent - 18);
    acc = Math.fround(acc + addend);
  }
  return acc;
}

const PAIRS = MX_FORMATS.flatMap((a) => MX_FORMATS.map((w) => [a, w] as const));

for (const formats of PAIRS) {
  test(`${formats.join(' × ')}: block sums are exact and round once`, () => {
    const random = new Random(11);
    const shape = { M: 2, N: 3, K: 96 };
    for (let trial = 0; trial < 8; trial++) {
      const range = [
        [120, 134, 40],
        [67, 187, 40],
        [0, 254, 999],
      ][trial % 3] as never;
      const a = rows(random, formats[0], 2, 96, range);
      const w = rows(random, formats[1], 3, 96, range);
      const r = request(
        a,
        trial < 6 ? w : { ...w, scales: undefined },
        formats,
        shape,
        trial % 2 === 1,
      );
      const before = r.out.slice();
      plainDot(r);
      for (let m = 0; m < 2; m++) {
        for (let n = 0; n < 3; n++) {
          const at = 1 + m * 5 + n;
          assert.equal(r.out[at], expectedSum(r, m, n, r.accumulate ? before[at]! : 0));
        }
        assert.deepEqual(r.out.slice(m * 5 + 4, m * 5 + 6), before.slice(m * 5 + 4, m * 5 + 6));
      }
    }
  });

  test(`${formats.join(' × ')}: the fast products equal the plain ones in every bit`, () => {
    const random = new Random(12);
    for (let trial = 0; trial < 24; trial++) {
      const shape = { M: 1 + random.int(9), N: 1 + random.int(70), K: 32 * (1 + random.int(9)) };
      const range = [
        [120, 134, 200],
        [67, 187, 50],
        [0, 254, 200],
      ][trial % 3] as never;
      const a = rows(random, formats[0], shape.M, shape.K, range);
      const w = rows(random, formats[1], shape.N, shape.K, range);
      const weights = trial % 5 === 0 ? { ...w, scales: undefined } : w;
      const bits = ([plainDot, fastDot] as Dot[]).map((dot) => {
        const r = request(a, weights, formats, shape, trial % 2 === 1);
        dot(r);
        return new Uint32Array(r.out.buffer);
      });
      assert.deepEqual(bits[1], bits[0]);
    }
  });
}

test('weights larger than the staging slice are multiplied in slices', () => {
  const random = new Random(13);
  const shape = { M: 1, N: 1300, K: 1024 };
  const a = rows(random, 'mxint8', shape.M, shape.K, [120, 130, 99999]);
  const w = rows(random, 'mxint8', shape.N, shape.K, [120, 130, 99999]);
  const results = ([plainDot, fastDot] as Dot[]).map((dot) => {
    const r = request(a, w, ['mxint8', 'mxint8'], shape, true);
    dot(r);
    return r.out;
  });
  assert.deepEqual(results[1], results[0]);
});

test('a NaN result is the canonical one, also from infinities of opposite sign', () => {
  const elements = new Int8Array(64).fill(127);
  const scales = Uint8Array.of(254, 254);
  const one = { elements, offset: 0, stride: 64, scales, scaleOffset: 0, scaleStride: 2 };
  const other = { ...one, elements: elements.map((x, i) => (i < 32 ? x : -x)) };
  for (const dot of [plainDot, fastDot]) {
    const r = request(one, other, ['mxint8', 'mxint8'], { M: 1, N: 1, K: 64 }, false);
    dot(r);
    assert.equal(new Uint32Array(r.out.buffer)[1], 0x7fc00000);
  }
});

test('a block whose products are all negative zero adds +0', () => {
  const a = new Float32Array(64).fill(-0);
  const w = new Float32Array(64).fill(1);
  for (const dot of [plainDot, fastDot]) {
    const row = { offset: 0, stride: 64, scales: undefined, scaleOffset: 0, scaleStride: 0 };
    const r = request(
      { ...row, elements: a },
      { ...row, elements: w },
      ['mxfp8', 'mxfp8'],
      { M: 1, N: 1, K: 64 },
      true,
    );
    r.out[1] = -0;
    dot(r);
    assert.ok(Object.is(r.out[1], 0));
  }
});
