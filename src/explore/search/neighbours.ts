/** Neighbours of a point on a grid. */
import type { Point } from './problem.ts';

/** One step up or down on one axis. */
export function steps(sizes: readonly number[], point: Point): Point[] {
  return point.flatMap((index, axis) =>
    [index - 1, index + 1]
      .filter((next) => next >= 0 && next < sizes[axis]!)
      .map((next) => point.with(axis, next)),
  );
}

/** Any other value on one axis. */
export function axisMoves(sizes: readonly number[], point: Point): Point[] {
  return point.flatMap((index, axis) =>
    Array.from({ length: sizes[axis]! }, (_, next) => next)
      .filter((next) => next !== index)
      .map((next) => point.with(axis, next)),
  );
}

/** One step on each of two axes: what one gives up, another can use. */
export function pairSteps(sizes: readonly number[], point: Point): Point[] {
  return steps(sizes, point).flatMap((next) => {
    const first = next.findIndex((index, axis) => index !== point[axis]);
    return steps(sizes, next).filter((further) =>
      further.every((index, axis) => axis > first || index === next[axis]),
    );
  });
}
