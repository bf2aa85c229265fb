import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EXP2_TABLE,
  RECIPROCAL_TABLE,
  RSQRT_TABLE,
  divide,
  exp,
  exp2,
  reciprocal,
  rsqrt,
  sigmoid,
  signedRoot,
  silu,
  softplus,
  swiglu,
} from './functions.ts';

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Every `step`-th f32 from bits `low` to `high`, and its negative when asked. */
function* floats(low: number, high: number, step: number, negative = false): Generator<number> {
  for (let bits = low; bits < high; bits += step) {
    word[0] = negative ? bits | 0x80000000 : bits;
    yield float[0]!;
  }
}

/** The largest distance of f(x) from the true value, in f32 units in the last place of the latter. */
function worstUlps(
  f: (x: number) => number,
  truth: (x: number) => number,
  arguments_: Iterable<number>,
): number {
  let worst = 0;
  for (const x of arguments_) {
    const expected = truth(x);
    float[0] = Math.abs(expected);
    const ulp = 2 ** (Math.max(word[0]! >>> 23, 1) - 150);
    worst = Math.max(worst, Math.abs(f(x) - expected) / ulp);
  }
  return worst;
}

const trueSigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

test('the table of exp2 holds the f32 nearest to 2^(n/32)', () => {
  EXP2_TABLE.forEach((value, n) => {
    // value ± half a unit (2^-24 for values in [1, 2)) must enclose: (value ∓ 2^-24)^32 around 2^n.
    const scaled = BigInt(value * 2 ** 24);
    const power = 2n ** BigInt(24 * 32 + n);
    assert.ok((scaled - 1n) ** 32n < power && power < (scaled + 1n) ** 32n, `entry ${n}`);
  });
});

test('the seeds are within one part in 60 of what they start', () => {
  for (let m = 1; m < 2; m += 1 / 1024) {
    const seed = RECIPROCAL_TABLE[Math.floor((m - 1) * 64)]!;
    assert.ok(Math.abs(seed * m - 1) < 1 / 120);
  }
  for (let m = 1; m < 4; m += 1 / 1024) {
    const seed = RSQRT_TABLE[Math.floor((m - 1) * 32)]!;
    assert.ok(Math.abs(seed * Math.sqrt(m) - 1) < 1 / 120);
  }
});

test('exp2 is within 2 ulp over its whole range', () => {
  const truth = (x: number): number => 2 ** x;
  assert.ok(worstUlps(exp2, truth, floats(0x20000000, 0x43000000, 997)) < 2);
  assert.ok(worstUlps(exp2, truth, floats(0x20000000, 0x42fc0001, 997, true)) < 2);
  const dense = Array.from({ length: 200_000 }, (_, i) => Math.fround(i / 100_000 - 1));
  assert.ok(worstUlps(exp2, truth, dense) < 2);
});

test('exp2 is exact at integers, 0 below -126, infinite from 128, 1 at subnormals', () => {
  for (let n = -126; n < 128; n++) assert.equal(exp2(n), 2 ** n);
  assert.ok(Object.is(exp2(Math.fround(-126.00001)), 0));
  assert.ok(Object.is(exp2(-Infinity), 0));
  assert.equal(exp2(128), Infinity);
  assert.equal(exp2(Infinity), Infinity);
  assert.equal(exp2(2 ** -149), 1);
  assert.equal(exp2(-(2 ** -149)), 1);
  assert.equal(exp2(-0), 1);
  assert.ok(Number.isNaN(exp2(NaN)));
  assert.ok(Number.isFinite(exp2(Math.fround(127.99999))));
});

test('reciprocal is within 2.1 ulp for every mantissa and exponent', () => {
  const truth = (x: number): number => 1 / x;
  assert.ok(worstUlps(reciprocal, truth, floats(0x3f800000, 0x40000000, 13)) < 2.1);
  assert.ok(worstUlps(reciprocal, truth, floats(0x00800000, 0x7e800000, 65_537)) < 2.1);
  assert.ok(worstUlps(reciprocal, truth, floats(0x00800000, 0x7e800000, 65_537, true)) < 2.1);
});

test('reciprocal is exact at powers of two and treats subnormals as zero on both sides', () => {
  for (let n = -126; n <= 126; n++) assert.equal(reciprocal(2 ** n), 2 ** -n);
  assert.equal(reciprocal(0), Infinity);
  assert.equal(reciprocal(-0), -Infinity);
  assert.equal(reciprocal(2 ** -127), Infinity);
  assert.equal(reciprocal(-(2 ** -149)), -Infinity);
  assert.ok(Object.is(reciprocal(Infinity), 0));
  assert.ok(Object.is(reciprocal(-Infinity), -0));
  assert.ok(Object.is(reciprocal(2 ** 127), 0));
  assert.ok(Object.is(reciprocal(-1.5 * 2 ** 126), -0));
  assert.ok(Number.isNaN(reciprocal(NaN)));
});

test('rsqrt is within 1.6 ulp for every mantissa and exponent', () => {
  const truth = (x: number): number => 1 / Math.sqrt(x);
  assert.ok(worstUlps(rsqrt, truth, floats(0x3f800000, 0x40800000, 29)) < 1.6);
  assert.ok(worstUlps(rsqrt, truth, floats(0x00800000, 0x7f800000, 65_537)) < 1.6);
});

test('rsqrt is NaN below zero, infinite at zero and subnormals, zero at infinity', () => {
  assert.ok(Number.isNaN(rsqrt(-1)));
  assert.ok(Number.isNaN(rsqrt(-(2 ** -149))));
  assert.ok(Number.isNaN(rsqrt(NaN)));
  assert.equal(rsqrt(0), Infinity);
  assert.equal(rsqrt(-0), Infinity);
  assert.equal(rsqrt(2 ** -130), Infinity);
  assert.equal(rsqrt(Infinity), 0);
});

test('sigmoid is within 4 ulp from -1 on, and within 5 + 1.2·|x| ulp below', () => {
  const upper = Array.from({ length: 200_000 }, (_, i) => Math.fround(i / 2000 - 1));
  assert.ok(worstUlps(sigmoid, trueSigmoid, upper) < 4);
  for (let x = -1; x > -80; x -= 1) {
    const unit = Array.from({ length: 2000 }, (_, i) => Math.fround(x - i / 2000));
    assert.ok(worstUlps(sigmoid, trueSigmoid, unit) < 5 - 1.2 * x, `from ${x}`);
  }
});

const trueSoftplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

test('exp is within 2.5 + 1.2·|x| ulp', () => {
  for (let x = -87; x < 88; x += 1) {
    const unit = Array.from({ length: 2000 }, (_, i) => Math.fround(x + i / 2000));
    assert.ok(worstUlps(exp, Math.exp, unit) < 2.5 + 1.2 * (Math.abs(x) + 1), `from ${x}`);
  }
});

test('softplus is within 4 ulp from -1 on, and within 4 + 1.2·|x| ulp below', () => {
  const upper = Array.from({ length: 200_000 }, (_, i) => Math.fround(i / 2000 - 1));
  assert.ok(worstUlps(softplus, trueSoftplus, upper) < 4);
  for (let x = -1; x > -87; x -= 1) {
    const unit = Array.from({ length: 2000 }, (_, i) => Math.fround(x - i / 2000));
    assert.ok(worstUlps(softplus, trueSoftplus, unit) < 4 - 1.2 * x, `from ${x}`);
  }
});

test('softplus, exp and divide at the ends', () => {
  assert.equal(softplus(Infinity), Infinity);
  assert.ok(Object.is(softplus(-Infinity), 0));
  assert.ok(Object.is(softplus(-100), 0));
  assert.ok(Number.isNaN(softplus(NaN)));
  assert.equal(softplus(1e30), Math.fround(1e30));
  assert.equal(exp(0), 1);
  assert.equal(exp(100), Infinity);
  assert.equal(divide(6, 2), 3);
  assert.ok(Number.isNaN(divide(0, 0)));
});

test('a limit cuts the gate above and the other at both ends, and keeps a NaN', () => {
  assert.equal(swiglu(50, -9, 7), swiglu(7, -7));
  assert.equal(swiglu(-2, 9, 7), swiglu(-2, 7));
  assert.equal(swiglu(3, 2, 7), swiglu(3, 2));
  assert.ok(Number.isNaN(swiglu(NaN, 1, 7)));
  assert.ok(Number.isNaN(swiglu(1, NaN, 7)));
});

test('signedRoot is the root of the size with the sign, less than 3 ulp off', () => {
  const truth = (x: number): number => Math.sign(x) * Math.sqrt(Math.max(Math.abs(x), 2 ** -20));
  const f = (x: number): number => signedRoot(x, 2 ** -20);
  assert.ok(worstUlps(f, (x) => truth(x), floats(0x00800000, 0x7f800000, 65_537)) < 3);
  for (const x of [1e-9, -1e-9]) assert.equal(f(x), Math.sign(x) * f(2 ** -20));
  assert.equal(f(-4), -f(4));
  assert.ok(Object.is(f(-0), 0));
  assert.ok(Number.isNaN(f(NaN)));
  assert.ok(Number.isNaN(f(Infinity)));
});

test('sigmoid, silu and swiglu saturate', () => {
  assert.equal(sigmoid(0), 0.5);
  assert.equal(sigmoid(40), 1);
  assert.equal(sigmoid(Infinity), 1);
  assert.equal(sigmoid(-Infinity), 0);
  assert.equal(sigmoid(-200), 0);
  assert.equal(silu(40), 40);
  assert.ok(Object.is(silu(-200), -0));
  assert.ok(Number.isNaN(silu(-Infinity)));
  assert.equal(swiglu(40, 3), 120);
});
