/** Exact powers of two, by table: `2 ** n` need not be exact in JavaScript. */

const LOWEST = -300;
const HIGHEST = 300;

const POWERS = Float64Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => power(i + LOWEST));

/** 2^exponent for -300 ≤ exponent ≤ 300. */
export function powerOfTwo(exponent: number): number {
  return POWERS[exponent - LOWEST]!;
}

function power(exponent: number): number {
  const factor = exponent < 0 ? 0.5 : 2;
  let result = 1;
  for (let i = 0; i < Math.abs(exponent); i++) result *= factor;
  return result;
}
