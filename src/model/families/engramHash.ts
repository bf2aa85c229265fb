/**
 * Constants of DeepSeek-V4.1's tables by n-gram: sizes of their parts, and what tokens are multiplied by.
 *
 * Every n-gram length of every such layer has a part of the table for each head, of a prime number of
 * rows: the next prime from engram_vocab_size on that no part has yet. A layer's multipliers are those
 * that NumPy's default generator [1] draws with seed 10007 · layer, made odd; they are bounded such that
 * a product with a class of tokens stays below 2^63.
 *
 * [1] numpy.random.default_rng: SeedSequence and PCG64 (XSL RR 128/64), and Lemire's bounded integers,
 *     https://arxiv.org/abs/1805.10941
 */
const SEED_STEP = 10_007;
const LARGEST_INT64 = 2n ** 63n - 1n;

/** Moduli of each layer: of the heads together, the shortest n-grams first. */
export function engramModuli(
  layers: number,
  lengths: number,
  heads: number,
  from: number,
): number[][] {
  const taken = new Set<number>();
  const next = (start: number): number => {
    let candidate = start;
    while (taken.has(candidate) || !isPrime(candidate)) candidate++;
    taken.add(candidate);
    return candidate;
  };
  return Array.from({ length: layers }, () =>
    Array.from({ length: lengths * heads }, () => next(from)),
  );
}

function isPrime(n: number): boolean {
  if (n < 4) return n > 1;
  if (n % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= n; divisor += 2) if (n % divisor === 0) return false;
  return true;
}

/** One odd multiplier a token of the longest n-gram, the newest first. */
export function engramMultipliers(layer: number, length: number, classes: number): bigint[] {
  const bound = LARGEST_INT64 / BigInt(classes) / 2n;
  const random = new Pcg64(SEED_STEP * layer);
  return Array.from({ length }, () => random.below(bound) * 2n + 1n);
}

const MASK_64 = 2n ** 64n - 1n;
const MASK_128 = 2n ** 128n - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/** NumPy's default generator. */
export class Pcg64 {
  readonly #increment: bigint;
  #state = 0n;

  /** A seed below 2^32. */
  constructor(seed: number) {
    const [a, b, c, d] = seedWords(seed) as [bigint, bigint, bigint, bigint];
    this.#increment = ((((c << 64n) | d) << 1n) | 1n) & MASK_128;
    this.#step();
    this.#state = (this.#state + ((a << 64n) | b)) & MASK_128;
    this.#step();
  }

  /** A uniform integer from 0 to bound − 1; bound is above 2^32, below which NumPy draws otherwise. */
  below(bound: bigint): bigint {
    const threshold = (MASK_64 + 1n - bound) % bound;
    for (;;) {
      const product = this.#next() * bound;
      if ((product & MASK_64) >= threshold) return product >> 64n;
    }
  }

  #step(): void {
    this.#state = (this.#state * MULTIPLIER + this.#increment) & MASK_128;
  }

  #next(): bigint {
    this.#step();
    const folded = (this.#state >> 64n) ^ (this.#state & MASK_64);
    const turn = this.#state >> 122n;
    return ((folded >> turn) | (folded << (64n - turn))) & MASK_64;
  }
}

/** The four 64-bit words of NumPy's SeedSequence of one 32-bit integer. */
function seedWords(seed: number): bigint[] {
  const mixed = mixedPool(seed);
  let constant = 0x8b51f9dd;
  const words = Array.from({ length: 8 }, (_, i) => {
    const value = (mixed[i % 4]! ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    return folded(Math.imul(value, constant));
  });
  return [0, 2, 4, 6].map((i) => (BigInt(words[i + 1]!) << 32n) | BigInt(words[i]!));
}

function mixedPool(seed: number): number[] {
  let constant = 0x43b0d7e5;
  const hashed = (word: number): number => {
    const value = (word ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    return folded(Math.imul(value, constant));
  };
  const pool = [seed, 0, 0, 0].map(hashed);
  for (let source = 0; source < 4; source++) {
    for (let target = 0; target < 4; target++) {
      if (target === source) continue;
      const added = Math.imul(hashed(pool[source]!), 0x4973f715);
      pool[target] = folded(Math.imul(pool[target]!, 0xca01f9dd) - added);
    }
  }
  return pool;
}

function folded(word: number): number {
  return (word ^ (word >>> 16)) >>> 0;
}
