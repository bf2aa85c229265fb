/**
 * Constants of the hashes of n-grams, which follow from the configuration [1].
 *
 * Multipliers are odd, drawn by SplitMix64 [2] and small enough that a token times one stays within 63
 * bits. Each part of a table has a prime number of rows; all parts of all tables have other primes, the
 * smallest that are at least the base.
 *
 * [1] transformers, models/qwen4_exp/modeling_qwen4_exp.py, Qwen4ExpTextNGramEmbedding
 * [2] Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014
 */

import { wordsOf } from '../../ir/index.ts';

const MASK = 2n ** 64n - 1n;
const GAMMA = 0x9e3779b97f4a7c15n;
/** What the seeds of two tables differ by. */
const SEED_STEP = 10007n;

/** The fields of a configuration that these parts read. */
export interface NgramConfig {
  readonly vocab_size: number;
  readonly ngram_size: number;
  readonly heads_per_ngram: number;
  readonly ngram_vocab_size_base: number;
  readonly make_ngram_vocab_size_divisible_by: number;
  readonly seed: number;
}

/** Of table `index`, as two words of 32 bits each, the high one first. */
export function multipliersOf(config: NgramConfig, index: number): number[] {
  const most = (2n ** 63n - 1n) / BigInt(config.vocab_size);
  const bound = most / 2n || 1n;
  const base = BigInt(config.seed) + SEED_STEP * BigInt(index);
  return Array.from({ length: config.ngram_size }, (_, j) => {
    const multiplier = 2n * (splitMix64(base + GAMMA * BigInt(j + 1)) % bound) + 1n;
    return wordsOf(multiplier);
  }).flat();
}

function splitMix64(state: bigint): bigint {
  let z = (state + GAMMA) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

/** Rows of each part of table `index`. */
export function moduliOf(config: NgramConfig, index: number): number[] {
  const parts = (config.ngram_size - 1) * config.heads_per_ngram;
  const primes: number[] = [];
  for (let n = config.ngram_vocab_size_base; primes.length < (index + 1) * parts; n++) {
    if (isPrime(n)) primes.push(n);
  }
  return primes.slice(index * parts);
}

function isPrime(n: number): boolean {
  if (n < 4) return n > 1;
  if (n % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= n; divisor += 2) {
    if (n % divisor === 0) return false;
  }
  return true;
}

/** Rows of a table with these parts, as it is stored. */
export function rowsOfTable(moduli: readonly number[], config: NgramConfig): number {
  const { make_ngram_vocab_size_divisible_by: unit } = config;
  return unit * Math.ceil(moduli.reduce((sum, rows) => sum + rows, 0) / unit);
}
