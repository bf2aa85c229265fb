/** Sums on L lanes in one fixed order: docs/numerics.md, section 3. */

/** A chip has at most 1024 lanes (src/chip). */
const partial = new Float32Array(1024);

/**
 * Sum of `count` numbers from `offset`: lane l adds elements l, l + lanes, … ascending from +0, then
 * halves of the lanes are added until one is left. `lanes` is a power of two up to 1024.
 */
export function laneSum(
  values: Float32Array,
  offset: number,
  count: number,
  lanes: number,
): number {
  partial.fill(0, 0, lanes);
  for (let i = 0; i < count; i++) partial[i & (lanes - 1)]! += values[offset + i]!;
  for (let half = lanes >> 1; half >= 1; half >>= 1) {
    for (let lane = 0; lane < half; lane++) partial[lane]! += partial[lane + half]!;
  }
  return partial[0]!;
}
