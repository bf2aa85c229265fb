/**
 * Fake quantisation: values as a format of few bits has them. Between two powers of two a format has
 * evenly spaced values, as below its smallest normal one, so a value is rounded by counting in steps of
 * its own power; every operation but that rounding is exact.
 */
import type { FunctionBuilder, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { FAKE_FORMATS } from '../../../ir/index.ts';
import { FEW_BITS, KERNELS } from './kernels.table.ts';
import { forRow, pushSplat, pushSum, reduceLanes, scaleToBytes } from './vectors.ts';

const SIGN_BIT = -(2 ** 31);
const MANTISSA = 0x7fffff;
const EXPONENT = 0x7f800000;

/** Vectors of the largest value of a format, its smallest normal one, and the step from 1 on. */
interface Format {
  readonly largest: Local;
  readonly normal: Local;
  readonly step: Local;
}

/** Adds `fakeQuantize`. */
export function addFakeQuantize(module: ModuleBuilder): void {
  const spec = { params: KERNELS.fakeQuantize, exported: true };
  module.addFunction('fakeQuantize', spec, (f, p) => {
    const { x, out, groups, size } = p;
    const [i, magnitude, scale] = [f.local('i32', 'i'), f.local('v128'), f.local('v128')];
    const format = splatFormat(f, p);
    const ofScales = splatE4M3(f);
    scaleToBytes(f, size);
    f.forLoop(i, 0, groups, 1, () => {
      f.get(p.least).emit('f32x4.splat').set(magnitude);
      forRow(f, size, (offset, { load }) => {
        load(pushSum(f, x, offset)).emit('f32x4.abs');
        f.get(magnitude).emit('f32x4.max').set(magnitude);
      });
      reduceLanes(f.get(magnitude), 'f32x4.max', scale).set(magnitude);
      f.get(p.roundedScale).if(
        () => {
          f.get(magnitude).get(format.largest).emit('f32x4.div');
          pushRounded(f, ofScales).set(scale);
        },
        () => pushPowerOfTwo(f, magnitude, format.largest).set(scale),
      );
      forRow(f, size, (offset, { load, store }) => {
        load(pushSum(pushSum(f, out, offset), x, offset));
        f.get(scale).emit('f32x4.div');
        store(pushRounded(f, format).get(scale).emit('f32x4.mul'));
      });
      f.advance(x, size).advance(out, size);
    });
  });
}

function splatFormat(
  f: FunctionBuilder,
  { largest, normal, step }: Readonly<Record<keyof Format, Local>>,
): Format {
  const splat = (value: Local): Local => {
    const vector = f.local('v128');
    f.get(value).emit('f32x4.splat').set(vector);
    return vector;
  };
  return { largest: splat(largest), normal: splat(normal), step: splat(step) };
}

function splatE4M3(f: FunctionBuilder): Format {
  const splat = (value: number): Local => {
    const vector = f.local('v128');
    pushSplat(f, value).set(vector);
    return vector;
  };
  const { normal, step } = FEW_BITS.e4m3;
  return { largest: splat(FAKE_FORMATS.e4m3.largest), normal: splat(normal), step: splat(step) };
}

/** Pops x and pushes the nearest value of the format, ties to even, saturated. */
function pushRounded(f: FunctionBuilder, { largest, normal, step }: Format): FunctionBuilder {
  const [x, quantum] = [f.local('v128'), f.local('v128')];
  f.tee(x).i32(EXPONENT).emit('i32x4.splat').emit('v128.and');
  f.get(normal).emit('f32x4.max').get(step).emit('f32x4.mul').set(quantum);
  f.get(x).emit('f32x4.abs').get(quantum).emit('f32x4.div').emit('f32x4.nearest');
  f.get(quantum).emit('f32x4.mul').get(largest).emit('f32x4.min');
  return f.get(x).i32(SIGN_BIT).emit('i32x4.splat').emit('v128.and').emit('v128.or');
}

/** Pushes the smallest power of two from magnitude · (1 / largest) on, which is normal. */
function pushPowerOfTwo(f: FunctionBuilder, magnitude: Local, largest: Local): FunctionBuilder {
  f.get(magnitude);
  pushSplat(f, 1).get(largest).emit('f32x4.div').emit('f32x4.mul');
  f.i32(MANTISSA).emit('i32x4.splat').emit('i32x4.add');
  return f.i32(EXPONENT).emit('i32x4.splat').emit('v128.and');
}
