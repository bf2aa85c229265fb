/** Sums, and the largest, on L lanes in one fixed order: docs/numerics.md, section 3. */

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

/** Whether x comes before y where the largest is first: a NaN is smaller than everything. */
export function isLarger(x: number, y: number): boolean {
  return x > y || (y !== y && x === x);
}

/** The larger of two, of equals y; a NaN only when both are. */
export function larger(x: number, y: number): number {
  return isLarger(x, y) ? x : y;
}

/** The smaller of two, of equals x; a NaN where one is. */
export function smaller(x: number, y: number): number {
  return isLarger(x, y) ? y : x;
}

/**
 * The largest of `count` numbers from `offset`, NaN where all are; the order of the lanes, as in `laneSum`,
 * decides between +0 and -0: of equals a lane keeps the first, and of two halves the upper one's.
 */
export function laneLargest(
  values: Float32Array,
  offset: number,
  count: number,
  lanes: number,
): number {
  partial.fill(NaN, 0, lanes);
  for (let i = 0; i < count; i++) {
    const lane = i & (lanes - 1);
    if (isLarger(values[offset + i]!, partial[lane]!)) partial[lane] = values[offset + i]!;
  }
  for (let half = lanes >> 1; half >= 1; half >>= 1) {
    for (let lane = 0; lane < half; lane++) {
      if (!isLarger(partial[lane]!, partial[lane + half]!)) partial[lane] = partial[lane + half]!;
    }
  }
  return partial[0]!;
}
