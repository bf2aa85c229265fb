/** Elementwise kernels, in whole vectors: buffers own the bytes up to a multiple of 64. */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { pushSigmoid } from './exponential.ts';
import { KERNELS } from './kernels.table.ts';
import { pushSplat, pushSum, scaleToBytes, VECTOR_BYTES } from './vectors.ts';

const SIGN_BIT = -(2 ** 31);

/** Adds `add`, `mul`, `sigmoid`, `softplus`, `silu`, `signedRoot` and `swiglu`. */
export function addElementwise(module: ModuleBuilder, softplus: FunctionRef): void {
  for (const name of ['add', 'mul'] as const) {
    module.addFunction(name, { params: KERNELS[name], exported: true }, (f, { a, b, out, size }) =>
      mapVectors(f, [a, b], out, size, () => f.emit(`f32x4.${name}`)),
    );
  }
  const ofOne = {
    sigmoid: pushSigmoid,
    silu: pushSilu,
    softplus: (f: FunctionBuilder) => f.emit('call', softplus),
  };
  for (const [name, apply] of Object.entries(ofOne)) {
    const params = KERNELS[name as keyof typeof ofOne];
    module.addFunction(name, { params, exported: true }, (f, { x, out, size }) =>
      mapVectors(f, [x], out, size, () => apply(f)),
    );
  }
  addSignedRoot(module);
  const spec = { params: KERNELS.swiglu, exported: true };
  module.addFunction('swiglu', spec, (f, { gate, up, out, size, limit }) => {
    const [highest, lowest] = [f.local('v128', 'highest'), f.local('v128', 'lowest')];
    const x = f.local('v128', 'gate vector');
    f.get(limit).emit('f32x4.splat').tee(highest).emit('f32x4.neg').set(lowest);
    mapVectors(f, [up, gate], out, size, () => {
      f.get(highest).emit('f32x4.pmin').set(x);
      f.get(highest).emit('f32x4.pmin').get(lowest).emit('f32x4.pmax').get(x);
      pushSilu(f).emit('f32x4.mul');
    });
  });
}

function addSignedRoot(module: ModuleBuilder): void {
  const spec = { params: KERNELS.signedRoot, exported: true };
  module.addFunction('signedRoot', spec, (f, { x, out, size, smallest }) => {
    const least = f.local('v128', 'least');
    f.get(smallest).emit('f32x4.splat').set(least);
    mapVectors(f, [x], out, size, () => pushSignedRoot(f, least));
  });
}

/** Pops x and pushes sign(x) · √max(|x|, least), 0 of 0. */
export function pushSignedRoot(f: FunctionBuilder, least: Local): FunctionBuilder {
  const x = f.local('v128');
  f.tee(x).emit('f32x4.abs').get(least).emit('f32x4.max').emit('f32x4.sqrt');
  f.get(x).i32(SIGN_BIT).emit('i32x4.splat').emit('v128.and').emit('v128.or');
  return pushSplat(f.get(x), 0).emit('f32x4.ne').emit('v128.and');
}

/** Pops x and pushes x · sigmoid(x). */
function pushSilu(f: FunctionBuilder): FunctionBuilder {
  const x = f.local('v128');
  return pushSigmoid(f.tee(x).get(x)).emit('f32x4.mul');
}

/** out = body(inputs) for each vector; `body` pops a vector of each input, the last on top. */
function mapVectors(
  f: FunctionBuilder,
  inputs: readonly Local[],
  out: Local,
  size: Local,
  body: () => void,
): void {
  const offset = f.local('i32');
  scaleToBytes(f, size);
  f.forLoop(offset, 0, size, VECTOR_BYTES, () => {
    pushSum(f, out, offset);
    for (const input of inputs) pushSum(f, input, offset).emit('v128.load');
    body();
    f.emit('v128.store');
  });
}
