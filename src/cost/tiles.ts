/**
 * Tiles of matrix products: a core computes one at a time, so rows and columns are filled up to whole
 * tiles, and tiles to whole waves over the cores; a product with fewer tiles than cores is divided along
 * k. Between two tiles of a core its sums leave and the next operands come, and nothing is multiplied;
 * lower tiles share a core, where the end of one hides behind the others.
 *
 * `tileSeconds` and the share of the peak of Hopper reproduce the ten large products that DeepGEMM
 * published within 4 % (590 to 1358 TFLOPS) [1].
 *
 * [1] https://github.com/deepseek-ai/DeepGEMM, README of February 2025, performance
 */
import type { Efficiency } from '../chip/index.ts';

/** Products of one size, side by side. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly count: number;
}

/** Seconds of `operationsPerSecond` for a product; few rows take the height of tiles that is fastest. */
export function tiledSeconds(
  { rows, columns, depth, count }: Product,
  operationsPerSecond: number,
  { tile, tileSeconds }: Efficiency,
  cores: number | undefined,
): number {
  const highest = Math.max(...tile.rows);
  const across = Math.ceil(columns / tile.columns);
  const heights = rows < highest ? tile.rows : [highest];
  const times = heights.map((height) => {
    const tiles = Math.ceil(rows / height) * across * count;
    const whole = (tiles * height * tile.columns * depth * 2) / operationsPerSecond;
    const each = (tileSeconds.value * height) / highest;
    if (cores === undefined) return whole;
    if (tiles < cores) return whole + each;
    const waves = Math.ceil(tiles / cores);
    return (whole * waves * cores) / tiles + waves * each;
  });
  return Math.min(...times);
}
