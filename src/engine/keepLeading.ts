/**
 * The leading tokens of a distribution, found by partition [1] instead of by sorting the vocabulary:
 * each pass settles on which side of a pivot the last of them is, by the mass above it.
 *
 * [1] Hoare: Algorithm 65, Find, CACM 4 (7), 1961; here with weights
 */

/**
 * Clears all weights but those of the fewest tokens, likeliest first and the first of equals, whose
 * mass adds up to `wanted`: a token's mass is 1, or its weight when `byWeight`. One is always kept, and
 * all when there is not enough mass. Weights are finite and 0 for tokens that are out.
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
  let tokens = tokensIn(weights);
  let before = 0;
  while (tokens.length > 0) {
    const pivot = medianOfThree(weights, tokens);
    const { above, equal, below } = partition(weights, tokens, pivot);
    const aboveMass = before + massOf(weights, above, byWeight);
    if (aboveMass >= wanted && above.length > 0) {
      tokens = above;
      continue;
    }
    const each = byWeight ? pivot : 1;
    const needed = Math.max(1, Math.ceil((wanted - aboveMass) / each));
    if (needed <= equal.length) return equal[needed - 1]!;
    before = aboveMass + each * equal.length;
    tokens = below;
  }
  return undefined;
}

function tokensIn(weights: Float64Array): Int32Array {
  const tokens = new Int32Array(weights.length);
  let count = 0;
  for (let token = 0; token < weights.length; token++) {
    if (weights[token]! > 0) tokens[count++] = token;
  }
  return tokens.subarray(0, count);
}

function medianOfThree(weights: Float64Array, tokens: Int32Array): number {
  const [a, b, c] = [0, tokens.length >> 1, tokens.length - 1].map((i) => weights[tokens[i]!]!);
  return Math.max(Math.min(a!, b!), Math.min(Math.max(a!, b!), c!));
}

/** The tokens above, at and below the pivot, each in their order. */
function partition(
  weights: Float64Array,
  tokens: Int32Array,
  pivot: number,
): { above: Int32Array; equal: Int32Array; below: Int32Array } {
  const [above, equal, below] = [0, 1, 2].map(() => new Int32Array(tokens.length));
  let [aboves, equals, belows] = [0, 0, 0];
  for (const token of tokens) {
    const weight = weights[token]!;
    if (weight > pivot) above![aboves++] = token;
    else if (weight < pivot) below![belows++] = token;
    else equal![equals++] = token;
  }
  return {
    above: above!.subarray(0, aboves),
    equal: equal!.subarray(0, equals),
    below: below!.subarray(0, belows),
  };
}

function massOf(weights: Float64Array, tokens: Int32Array, byWeight: boolean): number {
  if (!byWeight) return tokens.length;
  let mass = 0;
  for (const token of tokens) mass += weights[token]!;
  return mass;
}
