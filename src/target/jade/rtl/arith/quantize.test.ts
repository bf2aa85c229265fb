import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { Bits } from '../../../../hdl/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../../ir/index.ts';
import { quantizeGroup } from '../../arith/mx.ts';
import { uncut } from './pipeline.ts';
import { encodeElement, largestExponent, scaleByte } from './quantize.ts';
import { anyWord, CORNERS, f32 } from './vectors.ts';

const FORMATS: readonly MxFormat[] = ['mxint8', 'mxfp8', 'mxfp4'];

/** Scale and codes as the hardware makes them. */
function quantize(words: readonly number[], format: MxFormat): { scale: number; codes: number[] } {
  const values = words.map((word) => new Bits(32, word));
  const scale = scaleByte(largestExponent(values, uncut), format);
  const codes = values.map((x) => Number(encodeElement(x, scale, format, uncut).value));
  return { scale: Number(scale.value), codes };
}

function checkBlock(words: readonly number[], format: MxFormat): void {
  const codes = new Uint8Array(words.length);
  const values = Float32Array.from(words, f32);
  const scale = quantizeGroup(values, 0, words.length, format, codes, 0);
  assert.deepEqual(quantize(words, format), { scale, codes: [...codes] }, `${values} in ${format}`);
}

/** Words within `spread` of one exponent, with few ones, so that halfway cases are common. */
function block(random: Random, spread: number): number[] {
  const top = 1 + random.int(254);
  return Array.from({ length: MX_BLOCK }, () => {
    const exponent = Math.max(0, top - random.int(spread));
    return ((anyWord(random) & 0x807fffff & (-1 << random.int(24))) | (exponent << 23)) >>> 0;
  });
}

for (const format of FORMATS) {
  test(`blocks are quantised to ${format} as by arith, with clamped scales and ties to even`, () => {
    const random = new Random(7);
    for (let i = 0; i < 60; i++) checkBlock(block(random, 1 + random.int(24)), format);
  });

  test(`a block of corners in ${format} has the scale of NaN, or that of its finite numbers`, () => {
    checkBlock(CORNERS, format);
    checkBlock(
      CORNERS.filter((word) => Number.isFinite(f32(word))),
      format,
    );
    checkBlock([0, 0x80000000, 1, 0x80000001], format);
  });
}
