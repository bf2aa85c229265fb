/** Rotary position embedding: the constants, and the layouts of channel pairs. */

/** Cosines and sines, f32 row-major [positions][frequencies]. */
export interface RotaryTable {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** fround(magnitude · cos(position · frequency)), and with sin; the product and functions in f64. */
export function rotaryTable(
  frequencies: readonly number[],
  magnitude: number,
  positions: ArrayLike<number>,
): RotaryTable {
  const pairs = frequencies.length;
  const cos = new Float32Array(positions.length * pairs);
  const sin = new Float32Array(positions.length * pairs);
  for (let p = 0; p < positions.length; p++) {
    for (let i = 0; i < pairs; i++) {
      const angle = positions[p]! * frequencies[i]!;
      cos[p * pairs + i] = magnitude * Math.cos(angle);
      sin[p * pairs + i] = magnitude * Math.sin(angle);
    }
  }
  return { cos, sin };
}
