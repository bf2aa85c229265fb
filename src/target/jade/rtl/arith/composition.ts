/**
 * The functions of docs/numerics.md, section 3, from their steps: what a microprogram of the vector unit
 * does one operation after another, here in one expression each.
 */
import type { Logic } from '../../../../hdl/index.ts';
import { EXP2_COEFFICIENTS, LOG2E } from '../../arith/functions.ts';
import { addF32, mulF32, negate } from './float.ts';
import {
  exp2Factor,
  exp2Finish,
  exp2Split,
  mantissaOf,
  reciprocalFinish,
  reciprocalSeed,
  rsqrtFinish,
  rsqrtHalf,
  rsqrtSeed,
} from './functions.ts';
import { uncut } from './pipeline.ts';

function add<T extends Logic<T>>(a: T, b: T): T {
  return addF32(a, b, uncut);
}
function mul<T extends Logic<T>>(a: T, b: T): T {
  return mulF32(a, b, uncut);
}

/** A constant f32. */
export function constantF32<T extends Logic<T>>(model: T, value: number): T {
  const [word] = new Uint32Array(Float32Array.of(value).buffer);
  return model.constant(word!, 32);
}

export function exp2<T extends Logic<T>>(x: T): T {
  const { r, power } = exp2Split(x, uncut);
  const [c1, c2, c3] = EXP2_COEFFICIENTS.map((c) => constantF32(x, c));
  let p = add(mul(c3!, r), c2!);
  p = add(mul(p, r), c1!);
  p = add(mul(p, r), constantF32(x, 1));
  return exp2Finish(mul(exp2Factor(power), p), power);
}

export function reciprocal<T extends Logic<T>>(x: T): T {
  const m = mantissaOf(x);
  const two = constantF32(x, 2);
  let y = reciprocalSeed(x);
  for (let i = 0; i < 2; i++) y = mul(y, add(two, negate(mul(m, y))));
  return reciprocalFinish(y, x);
}

export function rsqrt<T extends Logic<T>>(x: T): T {
  const half = rsqrtHalf(x);
  const constant = constantF32(x, 1.5);
  let y = rsqrtSeed(x);
  for (let i = 0; i < 3; i++) y = mul(y, add(constant, negate(mul(half, mul(y, y)))));
  return rsqrtFinish(y, x);
}

export function sigmoid<T extends Logic<T>>(x: T): T {
  const power = mul(negate(x), constantF32(x, LOG2E));
  return reciprocal(add(constantF32(x, 1), exp2(power)));
}
