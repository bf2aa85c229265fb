import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { Bits } from '../../../../hdl/index.ts';
import * as arith from '../../arith/functions.ts';
import { powerOfTwo } from '../../arith/powers.ts';
import { exp2, reciprocal, rsqrt, sigmoid } from './composition.ts';
import { mulF32 } from './float.ts';
import { e8m0ToF32 } from './functions.ts';
import { uncut } from './pipeline.ts';
import { anyWord, CORNERS, f32, hex, wordOf } from './vectors.ts';

function check(
  words: readonly number[],
  unit: (x: Bits) => Bits,
  definition: (x: number) => number,
): void {
  for (const word of words) {
    const given = unit(new Bits(32, word)).value;
    const expected = BigInt(wordOf(definition(f32(word))));
    assert.equal(given, expected, `${hex(word)}: ${hex(given)}, not ${hex(expected)}`);
  }
}

/** Corners and anything; every exponent with fractions at the edges. */
function words(seed: number): number[] {
  const random = new Random(seed);
  const fractions = [0, 0x3fffff, 0x7fffff];
  const exponents = Array.from({ length: 256 }, (_, e) => fractions.map((f) => (e << 23) | f));
  return [
    ...CORNERS,
    ...exponents.flat(),
    ...Array.from({ length: 250 }, () => anyWord(random)),
    ...Array.from({ length: 250 }, () => wordOf((random.float() - 0.5) * 280)),
  ];
}

/** Numbers around the halfway points between two entries of the table of exp2, and around its limits. */
function halfway(seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: 400 }, () => {
    const j = random.int(2) ? random.int(8192) - 4096 : random.int(64) - 32;
    const near = wordOf((j + random.int(2) / 2) / 32);
    return (near + random.int(3) - 1) >>> 0;
  });
}

test('exp2 is that of arith, also around its limits and the steps of its table', () => {
  check([...words(1), ...halfway(2)], exp2, arith.exp2);
});

test('reciprocal is that of arith in every class and exponent', () => {
  check(words(3), reciprocal, arith.reciprocal);
});

test('rsqrt is that of arith in every class and exponent', () => {
  check(words(4), rsqrt, arith.rsqrt);
});

test('sigmoid is that of arith', () => {
  const random = new Random(5);
  const ordinary = Array.from({ length: 500 }, () => wordOf((random.float() - 0.5) * 60));
  check([...CORNERS, ...ordinary], sigmoid, arith.sigmoid);
});

test('a product with an E8M0 byte as f32 scales exactly, with one rounding', () => {
  const random = new Random(6);
  for (let scale = 0; scale < 256; scale++) {
    const factor = scale === 255 ? NaN : powerOfTwo(scale - 127);
    const power = e8m0ToF32(new Bits(8, scale));
    const some = [...CORNERS.filter((_, i) => i % 3 === scale % 3), anyWord(random)];
    check(
      some,
      (x) => mulF32(x, power, uncut),
      (x) => x * factor,
    );
  }
});
