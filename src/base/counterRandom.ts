/**
 * Random numbers by place instead of by order: a function of a key and a counter, so that a draw does
 * not depend on how many were made before it, or for whom.
 *
 * Philox 4×32 with 10 rounds [1]: 128 bits of counter and 64 of key to 128 random bits.
 *
 * [1] Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011
 */
import { UsageError } from './errors.ts';

const ROUNDS = 10;
const MULTIPLIERS = [0xd2511f53n, 0xcd9e8d57n] as const;
/** What the two words of the key grow by after each round. */
const WEYL = [0x9e3779b9, 0xbb67ae85] as const;

export type Words2 = readonly [number, number];
export type Words4 = readonly [number, number, number, number];

/** 128 random bits as four words of 32 bits, from words of 32 bits, the low ones first. */
export function philox4x32(counter: Words4, key: Words2): Words4 {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [low0, high0] = product(x0, MULTIPLIERS[0]);
    const [low1, high1] = product(x2, MULTIPLIERS[1]);
    [x0, x1, x2, x3] = [(high1 ^ x1 ^ k0) >>> 0, low1, (high0 ^ x3 ^ k1) >>> 0, low0];
    [k0, k1] = [(k0 + WEYL[0]) >>> 0, (k1 + WEYL[1]) >>> 0];
  }
  return [x0, x1, x2, x3];
}

/**
 * The random number in [0, 1) at place `index` of `seed`, a multiple of 2^-53. The seed is a safe
 * integer (negative ones too), the index a natural number; throws UsageError for other seeds.
 */
export function randomAt(seed: number, index: number): number {
  if (!Number.isSafeInteger(seed)) {
    throw new UsageError(`seed must be an integer within ±(2^53 - 1), not ${seed}`);
  }
  const [low, high] = philox4x32([...words(index), 0, 0], words(seed));
  return ((low >>> 5) * 0x4000000 + (high >>> 6)) / 0x20000000000000;
}

/** The low and the high word of the product of two words. */
function product(x: number, multiplier: bigint): Words2 {
  const wide = BigInt(x) * multiplier;
  return [Number(wide & 0xffffffffn), Number(wide >> 32n)];
}

/** A safe integer in two's complement of 64 bits, the low word first. */
function words(value: number): Words2 {
  return [value >>> 0, Math.floor(value / 0x100000000) >>> 0];
}
