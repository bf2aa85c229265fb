/**
 * Seeded pseudo-random numbers that are the same on every machine.
 *
 * xoshiro128** [1]: 128 bits of state, 32-bit output, period 2^128 - 1. The state is filled by
 * SplitMix64 [2] from the seed, as the authors recommend, so near seeds give unrelated streams.
 *
 * [1] Blackman, Vigna: Scrambled Linear Pseudorandom Number Generators, https://prng.di.unimi.it/xoshiro128starstar.c
 * [2] https://prng.di.unimi.it/splitmix64.c
 */
import { UsageError } from './errors.ts';

/** A stream of pseudo-random numbers, a function of its seed alone. Not for secrets. */
export class Random {
  readonly #state: Uint32Array;

  /** Start the stream of `seed`, a safe integer (negative ones too). */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) {
      throw new UsageError(`seed must be an integer within ±(2^53 - 1), not ${seed}`);
    }
    this.#state = splitMix64(BigInt(seed));
  }

  /** Next 32 random bits as an integer in [0, 2^32). */
  uint32(): number {
    const s = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** Next number in [0, 1), a multiple of 2^-53. */
  float(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Next integer in [0, n), each equally likely; `n` is an integer from 1 to 2^32. */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x100000000) {
      throw new UsageError(`bound of a random integer must be an integer from 1 to 2^32, not ${n}`);
    }
    const limit = 0x100000000 - (0x100000000 % n);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % n;
  }
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** First two outputs of SplitMix64 as four words, low word first. */
function splitMix64(seed: bigint): Uint32Array {
  const state = new BigUint64Array(2);
  for (const i of state.keys()) {
    let z = BigInt.asUintN(64, seed + BigInt(i + 1) * 0x9e3779b97f4a7c15n);
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    state[i] = z ^ (z >> 31n);
  }
  return new Uint32Array(state.buffer);
}
