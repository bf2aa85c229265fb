/**
 * The leading tokens of a distribution without sorting the vocabulary: tokens fall into classes of
 * nearly equal weight, whose masses tell in which one the last token to keep is; only that class is sorted.
 */

/** A class is the exponent of an f64 and the first bits of its fraction: weights at most 1/8 apart. */
const CLASS_SHIFT = 17;
const CLASSES = 2 ** (31 - CLASS_SHIFT);

/**
 * Clears all weights but those of the fewest tokens, likeliest first and the first of equals, whose
 * mass adds up to `wanted`: a token's mass is 1, or its weight when `byWeight`. One is always kept, and
 * all when there is not enough mass. Weights are finite, and 0 for tokens that are out.
 */
export function keepLeading(weights: Float64Array, wanted: number, byWeight: boolean): void {
  const last = lastLeading(weights, wanted, byWeight);
  if (last === undefined) return;
  const least = weights[last]!;
  for (let token = 0; token < weights.length; token++) {
    const weight = weights[token]!;
    if (weight < least || (weight === least && token > last)) weights[token] = 0;
  }
}

/** The last token to keep; undefined when that is all of them. */
function lastLeading(weights: Float64Array, wanted: number, byWeight: boolean): number | undefined {
  const massOf = (weight: number): number => (byWeight ? weight : 1);
  const classes = classesOf(weights);
  const masses = new Float64Array(CLASSES);
  for (let token = 0; token < weights.length; token++) {
    if (weights[token]! > 0) masses[classes(token)]! += massOf(weights[token]!);
  }
  let mass = 0;
  for (let leading = CLASSES - 1; leading >= 0; leading--) {
    if (masses[leading] === 0) continue;
    if (mass + masses[leading]! < wanted) {
      mass += masses[leading]!;
      continue;
    }
    const tokens = tokensOf(weights.length, (token) => classes(token) === leading);
    tokens.sort((a, b) => weights[b]! - weights[a]! || a - b);
    return tokens.find((token) => (mass += massOf(weights[token]!)) >= wanted) ?? tokens.at(-1);
  }
  return undefined;
}

function tokensOf(count: number, belongs: (token: number) => boolean): number[] {
  const tokens: number[] = [];
  for (let token = 0; token < count; token++) if (belongs(token)) tokens.push(token);
  return tokens;
}

/** The class of each token, higher for larger weights: bits of positive floats are in their order. */
function classesOf(weights: Float64Array): (token: number) => number {
  const words = new Uint32Array(weights.buffer, weights.byteOffset, weights.length * 2);
  return (token) => words[token * 2 + 1]! >>> CLASS_SHIFT; // the high word: all machines are little-endian
}
