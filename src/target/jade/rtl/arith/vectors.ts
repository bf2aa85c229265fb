/** Test vectors: f32 as words, corners of the format, and random numbers that meet its rounding. */
import type { Random } from '../../../../base/index.ts';
import { CANONICAL_NAN } from '../../arith/rows.ts';

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The number of a word. */
export function f32(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

/** The word of a number that is an f32; NaN is canonical. */
export function wordOf(value: number): number {
  float[0] = value;
  return Number.isNaN(value) ? CANONICAL_NAN : word[0]!;
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

const MAGNITUDES = [
  ...[0, 1, 2, 3, 0x400000, 0x7ffffe, 0x7fffff], // zero and subnormals
  ...[0x800000, 0x800001, 0xffffff, 0x1000000, 0xc000000], // the smallest normal numbers
  ...[0x33800000, 0x33800001, 0x3effffff, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fffffff],
  ...[0x40000000, 0x4b000001, 0x4b800000, 0x4c000000, 0x5f800000],
  ...[0x5f800001, 0x5ffffffe], // whose product rounds up beyond the largest number
  ...[0x7effffff, 0x7f000000, 0x7f7ffffe, 0x7f7fffff], // the largest
  ...[0x7f800000, 0x7f800001, CANONICAL_NAN, 0x7fffffff], // infinity and NaN
];

/** Words of f32 at the edges of every class, of both signs. */
export const CORNERS: readonly number[] = MAGNITUDES.flatMap((m) => [m, (m | 0x80000000) >>> 0]);

/** A word of any class with few ones in its fraction, or many, or anything. */
export function anyWord(random: Random): number {
  const bits = random.uint32();
  const masks = [0xffffffff, 0xfff00000, 0xff80000f, 0x807fffff, 0xbfffffff];
  return (bits & masks[random.int(masks.length)]!) >>> 0;
}

/** Pairs of words, half of them with exponents that differ by a few. */
export function nearPairs(random: Random, count: number): (readonly [number, number])[] {
  return Array.from({ length: count }, () => {
    const a = anyWord(random);
    const b = anyWord(random);
    const exponent = ((a >>> 23) & 255) + random.int(53) - 26;
    const isNear = random.int(2) === 1 && exponent >= 0 && exponent < 255;
    return [a, isNear ? ((b & 0x807fffff) | (exponent << 23)) >>> 0 : b] as const;
  });
}
