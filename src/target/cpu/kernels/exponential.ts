/**
 * exp of four numbers, and what is made of it: sigmoid, softplus, silu, softmax.
 *
 * exp(x) = 2^n · exp(r) with n = round(x · log2 e) and r = x − n·ln 2, taken off in two parts of
 * which the first has few bits, so that n times it is exact [1]; exp(r) on |r| ≤ ln 2 / 2 is the
 * polynomial of Cephes [2]. The relative error is below 2^-22. Below −87.3 the result is 0, above 88.4
 * infinite; NaN stays NaN.
 *
 * ln(1 + y) for y from 0 to 1 is 2·artanh(z), z = y / (2 + y), by its series up to z^13.
 *
 * [1] Cody, Waite: Software Manual for the Elementary Functions, 1980, chapter 6.
 * [2] Moshier: Cephes Mathematical Library, single/expf.c, https://www.netlib.org/cephes/
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { pushSplat, pushSum, reduceLanes, scaleToBytes, VECTOR_BYTES, ROUNDER } from './vectors.ts';

export const SMALLEST = -87.33654; // ln of the smallest normal number
export const LARGEST = 88.72284; // ln of the largest
export const LN2_HIGH = 0.693359375;
export const LN2_LOW = -2.1219444e-4;

/** exp(r) = 1 + r + r² · P(r); the coefficients of P, highest first. */
export const POLYNOMIAL = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
  5.0000001201e-1,
] as const;

/** Adds exp(v128) → v128. */
export function addExponential(module: ModuleBuilder): FunctionRef {
  return module.addFunction('exp', { params: { x: 'v128' }, results: ['v128'] }, (f, { x }) => {
    pushExponential(f.get(x));
  });
}

/** Pops x and pushes exp(x): in loops over rows a call costs as much, and a host does not pair what is behind it. */
export function pushExponential(f: FunctionBuilder): FunctionBuilder {
  const [n, r, value, low] = [f.local('v128'), f.local('v128'), f.local('v128'), f.local('v128')];
  f.tee(r);
  pushSplat(f, SMALLEST).emit('f32x4.lt').set(low);
  pushSplat(f.get(r), SMALLEST).emit('f32x4.max');
  pushSplat(f, LARGEST).emit('f32x4.min').tee(r);
  pushSplat(f, Math.LOG2E).emit('f32x4.mul').emit('f32x4.nearest').set(n);
  for (const part of [LN2_HIGH, LN2_LOW]) {
    pushSplat(f.get(r).get(n), part).emit('f32x4.mul').emit('f32x4.sub').set(r);
  }
  pushPolynomial(f, r, POLYNOMIAL).get(r).get(r).emit('f32x4.mul').emit('f32x4.mul');
  pushSplat(f.get(r).emit('f32x4.add'), 1).emit('f32x4.add').set(value);
  return pushPowerOfTwo(f, n).get(value).emit('f32x4.mul').get(low).emit('v128.andnot');
}

/** P(r) by Horner's rule. */
function pushPolynomial(
  f: FunctionBuilder,
  r: Local,
  [first, ...others]: readonly [number, ...number[]],
): FunctionBuilder {
  pushSplat(f, first);
  for (const coefficient of others) {
    pushSplat(f.get(r).emit('f32x4.mul'), coefficient).emit('f32x4.add');
  }
  return f;
}

/** 2^n for whole n from −126 to 128; 2^128 is infinite. The last bits of n + ROUNDER are those of n. */
function pushPowerOfTwo(f: FunctionBuilder, n: Local): FunctionBuilder {
  pushSplat(f.get(n), ROUNDER).emit('f32x4.add').i32(23).emit('i32x4.shl');
  return f
    .i32(127 << 23)
    .emit('i32x4.splat')
    .emit('i32x4.add');
}

/** Adds sigmoid(v128) → v128. */
export function addSigmoid(module: ModuleBuilder): FunctionRef {
  return module.addFunction('sigmoid', { params: { x: 'v128' }, results: ['v128'] }, (f, { x }) => {
    pushSigmoid(f.get(x));
  });
}

/** Pops x and pushes 1 / (1 + exp(−x)). */
export function pushSigmoid(f: FunctionBuilder): FunctionBuilder {
  const divisor = f.local('v128');
  pushSplat(pushExponential(f.emit('f32x4.neg')), 1)
    .emit('f32x4.add')
    .set(divisor);
  return pushSplat(f, 1).get(divisor).emit('f32x4.div');
}

/** 2·artanh(z) = z · P(z²): the coefficients of P, highest first. */
const ARTANH = [2 / 13, 2 / 11, 2 / 9, 2 / 7, 2 / 5, 2 / 3, 2] as const;

/** Adds softplus(v128) → v128: max(x, 0) + ln(1 + exp(−|x|)). */
export function addSoftplus(module: ModuleBuilder, exp: FunctionRef): FunctionRef {
  return module.addFunction(
    'softplus',
    { params: { x: 'v128' }, results: ['v128'] },
    (f, { x }) => {
      const [y, z, square] = [
        f.local('v128', 'y'),
        f.local('v128', 'z'),
        f.local('v128', 'square'),
      ];
      f.get(x).emit('f32x4.abs').emit('f32x4.neg').emit('call', exp).tee(y);
      pushSplat(f.get(y), 2).emit('f32x4.add').emit('f32x4.div').tee(z);
      f.get(z).emit('f32x4.mul').set(square);
      pushPolynomial(f, square, ARTANH).get(z).emit('f32x4.mul');
      pushSplat(f.get(x), 0).emit('f32x4.max').emit('f32x4.add');
    },
  );
}

/**
 * Adds softmax(row, size, scale), in place: exp(scale·(x − max)) over its sum. The row has room for a whole
 * number of vectors; what is beyond `size` becomes 0.
 */
export function addSoftmax(module: ModuleBuilder): FunctionRef {
  const params = { row: 'i32', size: 'i32', scale: 'f32' } as const;
  return module.addFunction('softmax', { params }, (f, { row, size, scale }) => {
    const [factor, total, scratch] = [f.local('v128'), f.local('v128'), f.local('v128')];
    const largest = f.local('v128', 'largest');
    const each = (body: () => void): void => eachVector(f, row, size, body);
    f.get(scale).emit('f32x4.splat').set(factor);
    pushSplat(f, -Infinity).set(largest);
    scaleToBytes(f, size);
    each(() => f.get(factor).emit('f32x4.mul'));
    padRow(f, row, size);
    each(() => f.tee(scratch).get(scratch).get(largest).emit('f32x4.pmax').set(largest));
    f.get(largest);
    reduceLanes(f, 'f32x4.max', scratch).set(largest);
    each(() => {
      pushExponential(f.get(largest).emit('f32x4.sub')).tee(scratch);
      f.get(scratch).get(total).emit('f32x4.add').set(total);
    });
    pushSplat(f, 1).get(total);
    reduceLanes(f, 'f32x4.add', scratch).emit('f32x4.div').set(factor);
    each(() => f.get(factor).emit('f32x4.mul'));
  });
}

/** Replaces each vector of a row; `body` pops the old and pushes the new. */
function eachVector(f: FunctionBuilder, row: Local, sizeBytes: Local, body: () => void): void {
  const offset = f.local('i32');
  f.forLoop(offset, 0, sizeBytes, VECTOR_BYTES, () => {
    pushSum(f, row, offset);
    pushSum(f, row, offset).emit('v128.load');
    body();
    f.emit('v128.store');
  });
}

/** Fills the row up to a whole number of vectors with −infinity. */
function padRow(f: FunctionBuilder, row: Local, sizeBytes: Local): void {
  const [offset, end] = [f.local('i32'), f.local('i32')];
  f.get(sizeBytes)
    .i32(VECTOR_BYTES - 1)
    .emit('i32.add')
    .i32(-VECTOR_BYTES)
    .emit('i32.and')
    .set(end);
  f.forLoop(offset, sizeBytes, end, 4, () => {
    pushSum(f, row, offset).emit('f32.const', -Infinity).emit('f32.store');
  });
}
