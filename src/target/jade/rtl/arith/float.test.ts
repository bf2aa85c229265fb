import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { Bits } from '../../../../hdl/index.ts';
import { isLarger as isLargerValue } from '../../arith/reduce.ts';
import { canonicalize as canonicalizeWords } from '../../arith/rows.ts';
import { addF32, bf16ToF32, canonicalize, isLarger, maxF32, mulF32, negate } from './float.ts';
import { uncut } from './pipeline.ts';
import { CORNERS, f32, hex, nearPairs, wordOf } from './vectors.ts';

const { fround } = Math;

/** All pairs of corners, then random pairs that are near each other in exponent. */
function pairs(seed: number): (readonly [number, number])[] {
  const corners = CORNERS.flatMap((a) => CORNERS.map((b) => [a, b] as const));
  return [...corners, ...nearPairs(new Random(seed), 3000)];
}

function check(
  seed: number,
  unit: (a: Bits, b: Bits) => Bits,
  definition: (a: number, b: number) => number,
): void {
  for (const [a, b] of pairs(seed)) {
    const given = unit(new Bits(32, a), new Bits(32, b)).value;
    const expected = BigInt(definition(a, b));
    assert.equal(given, expected, `${hex(a)} and ${hex(b)}: ${hex(given)}, not ${hex(expected)}`);
  }
}

test('a sum of f32 is rounded once, to nearest even, with subnormals and canonical NaN', () => {
  check(
    1,
    (a, b) => addF32(a, b, uncut),
    (a, b) => wordOf(fround(f32(a) + f32(b))),
  );
});

test('a product of f32 is rounded once, to nearest even, with subnormals and canonical NaN', () => {
  check(
    2,
    (a, b) => mulF32(a, b, uncut),
    (a, b) => wordOf(fround(f32(a) * f32(b))),
  );
});

test('the order of f32 puts NaN below everything and the zeros together', () => {
  check(3, isLarger, (a, b) => Number(isLargerValue(f32(a), f32(b))));
});

test('the larger of two f32 is that of Math.max', () => {
  check(4, maxF32, (a, b) => wordOf(Math.max(f32(a), f32(b))));
});

test('one f32 is negated by its sign and canonicalised by its class', () => {
  for (const word of CORNERS) {
    const words = Uint32Array.of(word);
    canonicalizeWords(words, 0, 1);
    const x = new Bits(32, word);
    assert.equal(canonicalize(x).value, BigInt(words[0]!));
    assert.equal(negate(x).value, BigInt((word ^ 0x80000000) >>> 0));
  }
});

test('a bf16 is the upper half of an f32', () => {
  assert.equal(bf16ToF32(new Bits(16, 0x3fc0)).value, BigInt(wordOf(1.5)));
});
