/** Problems with known difficulties, on grids small enough to be searched in full. */
import { randomAt } from '../src/base/index.ts';
import type { Problem } from '../src/explore/search/problem.ts';

/** The functions of Zitzler, Deb and Thiele (2000), both minimised, on `values` steps of each of the axes. */
export function zdt(kind: 1 | 2 | 3, axes: number, values: number): Problem {
  const sizes = new Array<number>(axes).fill(values);
  return {
    sizes,
    violation: () => 0,
    evaluate(point) {
      const [first, ...rest] = point.map((index) => index / (values - 1));
      const g = 1 + (9 * rest.reduce((sum, x) => sum + x, 0)) / rest.length;
      const share = first! / g;
      const wave = kind === 3 ? share * Math.sin(10 * Math.PI * first!) : 0;
      const h = kind === 2 ? 1 - share ** 2 : 1 - Math.sqrt(share) - wave;
      return { objectives: [-first!, -g * h], violation: 0 };
    },
  };
}

/** DTLZ2 of three objectives (Deb, Thiele, Laumanns, Zitzler 2002): the front is an eighth of a sphere. */
export function dtlz2(axes: number, values: number): Problem {
  return {
    sizes: new Array<number>(axes).fill(values),
    violation: () => 0,
    evaluate(point) {
      const [a, b, ...rest] = point.map((index) => index / (values - 1));
      const g = rest.reduce((sum, x) => sum + (x - 0.5) ** 2, 0);
      const [angle, height] = [(a! * Math.PI) / 2, (b! * Math.PI) / 2];
      const f = [
        Math.cos(angle) * Math.cos(height),
        Math.cos(angle) * Math.sin(height),
        Math.sin(angle),
      ];
      return { objectives: f.map((value) => -(1 + g) * value), violation: 0 };
    },
  };
}

/**
 * Like a chip: what its slowest part does against what all parts take, under a limit of their sum, and a
 * limit that only an evaluation shows. Each part has its own costs, by `seed`. With a bound, from one part.
 */
export function roofline(seed: number, axes: number, values: number): Problem {
  const sizes = new Array<number>(axes).fill(values);
  const rate = sizes.map((_, axis) => 1 + randomAt(seed, axis));
  const cost = sizes.map((_, axis) => 0.5 + randomAt(seed, axes + axis));
  const speeds = (point: readonly number[]): number[] =>
    point.map((index, axis) => rate[axis]! * 1.5 ** index);
  const area = (point: readonly number[]): number =>
    point.reduce((sum, index, axis) => sum + cost[axis]! * 1.4 ** index, 0);
  const mostArea = axes * 1.4 ** (values * 0.7);
  const power = (point: readonly number[]): number =>
    point.reduce((sum, index, axis) => sum + cost[(axis + 1) % axes]! * 1.3 ** index, 0);
  const mostPower = axes * 1.3 ** (values * 0.7);
  return {
    sizes,
    violation: (point) => Math.max(0, area(point) / mostArea - 1),
    bound: (point) => [Math.min(...speeds(point)), -area(point)],
    evaluate(point) {
      // Parts wait for each other a little, so the bound is not reached.
      const time = speeds(point).reduce((sum, speed) => sum + speed ** -8, 0) ** (1 / 8);
      const violation = Math.max(0, power(point) / mostPower - 1);
      return { objectives: [1 / time, -area(point)], violation };
    },
  };
}
