/** New points from known ones, by chance: axes are ordered, so a child's index lies near its parents'. */
import type { Random } from '../../base/index.ts';
import type { Point } from './problem.ts';

/** Of simulated binary crossover: the higher, the nearer to the parents. */
const SPREAD_INDEX = 3;

/** On each axis one parent's index, or a blend of both. */
export function cross(sizes: readonly number[], a: Point, b: Point, random: Random): number[] {
  return a.map((index, axis) => {
    const other = b[axis]!;
    if (random.float() < 0.5) return random.float() < 0.5 ? index : other;
    return within(sizes[axis]!, Math.round(blend(index, other, random)));
  });
}

/** Changes one axis on average: by a step, or to any value. */
export function mutate(sizes: readonly number[], point: Point, random: Random): number[] {
  return point.map((index, axis) => {
    if (random.float() >= 1 / point.length) return index;
    const size = sizes[axis]!;
    if (random.float() < 0.5) return random.int(size);
    return within(size, index + (random.float() < 0.5 ? 1 : -1));
  });
}

/**
 * Simulated binary crossover (Deb, Agrawal: Complex Systems 9, 1995): spreads children of two numbers as
 * those of binary strings would be.
 */
function blend(a: number, b: number, random: Random): number {
  const u = random.float();
  const power = 1 / (SPREAD_INDEX + 1);
  const spread = u < 0.5 ? (2 * u) ** power : (1 / (2 * (1 - u))) ** power;
  const sign = random.float() < 0.5 ? 1 : -1;
  return (a + b + sign * spread * (b - a)) / 2;
}

const within = (size: number, index: number): number => Math.max(0, Math.min(size - 1, index));
