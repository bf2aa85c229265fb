import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bf16ToF32,
  E2M1_VALUES,
  E8M0_NAN,
  E8M0_VALUES,
  encodeE2M1,
  encodeE8M0,
  encodeF8E4M3,
  F8E4M3_MAX,
  F8E4M3_NAN,
  F8E4M3_VALUES,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
} from './formats.ts';
import { Random } from './random.ts';

const ALL_16_BIT_CODES = Uint16Array.from({ length: 0x10000 }, (_, code) => code);

/** Nearest of the non-negative codes by trial; between equals the even code. */
function nearestCode(x: number, values: Float32Array, maxCode: number): number {
  let best = 0;
  for (let code = 1; code <= maxCode; code++) {
    const gain = Math.abs(values[best] - x) - Math.abs(values[code] - x);
    if (gain > 0 || (gain === 0 && code % 2 === 0)) best = code;
  }
  return best;
}

/** Each value, each middle between neighbours, and the f64 numbers next to that middle. */
function criticalPoints(values: Float32Array, maxCode: number): number[] {
  const points = [0, Number.MIN_VALUE, 1e-300, values[maxCode] * 2];
  for (let code = 0; code < maxCode; code++) {
    const middle = (values[code] + values[code + 1]) / 2;
    points.push(values[code], middle, middle * (1 - 2 ** -52), middle * (1 + 2 ** -52));
  }
  return points;
}

function random32BitFloats(count: number): Float32Array {
  const random = new Random(7);
  return new Float32Array(Uint32Array.from({ length: count }, () => random.uint32()).buffer);
}

test('the f8e4m3 table has the values of the published format', () => {
  assert.equal(F8E4M3_VALUES[0x01], 2 ** -9);
  assert.equal(F8E4M3_VALUES[0x07], 7 * 2 ** -9);
  assert.equal(F8E4M3_VALUES[0x08], 2 ** -6);
  assert.equal(F8E4M3_VALUES[0x38], 1);
  assert.equal(F8E4M3_VALUES[0x7e], F8E4M3_MAX);
  assert.equal(F8E4M3_VALUES[0xfe], -F8E4M3_MAX);
  assert.ok(Object.is(F8E4M3_VALUES[0x80], -0));
  const nanCodes = [...F8E4M3_VALUES.keys()].filter((code) => Number.isNaN(F8E4M3_VALUES[code]));
  assert.deepEqual(nanCodes, [0x7f, 0xff]);
});

test('the e2m1 table has the sixteen values of the MX specification', () => {
  const positive = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
  assert.deepEqual([...E2M1_VALUES], [...positive, ...positive.map((value) => -value)]);
});

test('the e8m0 table holds every power of two from -127 to 127', () => {
  for (let code = 0; code < E8M0_NAN; code++) assert.equal(E8M0_VALUES[code], 2 ** (code - 127));
  assert.ok(Number.isNaN(E8M0_VALUES[E8M0_NAN]));
});

test('encoding gives back every f8e4m3, e2m1 and e8m0 code it decoded', () => {
  for (let code = 0; code < 256; code++) {
    const expected = code === 0xff ? F8E4M3_NAN : code;
    assert.equal(encodeF8E4M3(F8E4M3_VALUES[code]), expected);
    assert.equal(encodeE8M0(E8M0_VALUES[code]), code);
  }
  for (let code = 0; code < 16; code++) assert.equal(encodeE2M1(E2M1_VALUES[code]), code);
});

test('f8e4m3 encoding is the nearest code with ties to even, on both sides of zero', () => {
  const random = new Random(1);
  const points = criticalPoints(F8E4M3_VALUES, 0x7e);
  for (let i = 0; i < 4000; i++) points.push(2 ** (random.float() * 24 - 13));
  for (const x of points) {
    const expected = nearestCode(x, F8E4M3_VALUES, 0x7e);
    assert.equal(encodeF8E4M3(x), expected, `encoding ${x}`);
    assert.equal(encodeF8E4M3(-x), expected | 0x80, `encoding ${-x}`);
  }
});

test('e2m1 encoding is the nearest code with ties to even, on both sides of zero', () => {
  const random = new Random(2);
  const points = criticalPoints(E2M1_VALUES, 7);
  for (let i = 0; i < 2000; i++) points.push(random.float() * 8);
  for (const x of points) {
    const expected = nearestCode(x, E2M1_VALUES, 7);
    assert.equal(encodeE2M1(x), expected, `encoding ${x}`);
    assert.equal(encodeE2M1(-x), expected | 8, `encoding ${-x}`);
  }
});

test('small formats saturate at infinity and give NaN its stated code', () => {
  assert.equal(encodeF8E4M3(Infinity), 0x7e);
  assert.equal(encodeF8E4M3(-1e308), 0xfe);
  assert.equal(encodeF8E4M3(NaN), F8E4M3_NAN);
  assert.equal(encodeE2M1(-Infinity), 0xf);
  assert.equal(encodeE2M1(NaN), 0x7);
});

test('e8m0 encoding takes the power of two below and clamps to its range', () => {
  assert.equal(encodeE8M0(1.999), 127);
  assert.equal(encodeE8M0(2), 128);
  assert.equal(encodeE8M0(0), 0);
  assert.equal(encodeE8M0(Infinity), 254);
  assert.equal(encodeE8M0(-1), E8M0_NAN);
  assert.equal(encodeE8M0(NaN), E8M0_NAN);
});

test('every bf16 code survives the way to f32 and back', () => {
  const codes = f32ToBf16(bf16ToF32(ALL_16_BIT_CODES));
  for (const code of ALL_16_BIT_CODES) {
    const isNaNCode = (code & 0x7fff) > 0x7f80;
    assert.equal(codes[code], isNaNCode ? 0x7fc0 : code);
  }
});

test('bf16 encoding is within half a step of the f32, with ties to even', () => {
  const values = random32BitFloats(20_000).filter((value) => Number.isFinite(value));
  const codes = f32ToBf16(values);
  const below = bf16ToF32(codes.map((code) => code - 1));
  const chosen = bf16ToF32(codes);
  const above = bf16ToF32(codes.map((code) => code + 1));
  for (let i = 0; i < values.length; i++) {
    const error = Math.abs(chosen[i] - values[i]);
    for (const neighbour of [below[i], above[i]]) {
      const rival = Math.abs(neighbour - values[i]);
      if (Number.isFinite(neighbour) && Number.isFinite(chosen[i])) assert.ok(error <= rival);
      if (rival === error) assert.equal(codes[i] % 2, 0);
    }
  }
});

test('bf16 ties go to the even code and overflow goes to infinity', () => {
  const ties = new Float32Array(Uint32Array.of(0x3f808000, 0x3f818000, 0x7f7fffff).buffer);
  assert.deepEqual([...f32ToBf16(ties)], [0x3f80, 0x3f82, 0x7f80]);
});

test('every f16 code has the value of its fields and survives the way to f32 and back', () => {
  const values = f16ToF32(ALL_16_BIT_CODES);
  const codes = f32ToF16(values);
  for (const code of ALL_16_BIT_CODES) {
    const exponent = (code >> 10) & 0x1f;
    const fraction = (code & 0x3ff) / 0x400;
    const sign = code >> 15 ? -1 : 1;
    const finite =
      exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
    const special = fraction === 0 ? sign * Infinity : NaN;
    assert.ok(Object.is(values[code], exponent === 31 ? special : finite));
    assert.equal(codes[code], Number.isNaN(values[code]) ? 0x7e00 : code);
  }
});

test('f16 encoding breaks ties to even and overflows to infinity', () => {
  const values = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519.996, 65520, -1e30);
  assert.deepEqual([...f32ToF16(values)], [0x3c00, 0x3c02, 0x7bff, 0x7c00, 0xfc00]);
});

test('bulk conversions accept views that do not start at byte 0', () => {
  const codes = Uint16Array.of(0, 0x3f80, 0x4000).subarray(1);
  assert.deepEqual([...bf16ToF32(codes)], [1, 2]);
  assert.deepEqual([...f16ToF32(Uint16Array.of(0, 0x3c00).subarray(1))], [1]);
  assert.deepEqual([...f32ToBf16(Float32Array.of(9, 1, 2).subarray(1))], [0x3f80, 0x4000]);
});
