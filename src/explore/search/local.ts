/**
 * Local search: neighbours of the front, until none is unknown; neighbours of the nearest point, where
 * none keeps the limits. On a grid the gaps of a front are neighbours of what is known.
 */
import { Asking } from './asking.ts';
import { axisMoves, pairSteps } from './neighbours.ts';
import { rankOf, type Batch, type Grid, type Outcome, type Point, type Search } from './problem.ts';

const BATCH_POINTS = 256;

/** From points that are known to be good. */
export function* localSearch(
  grid: Grid,
  start: readonly Point[],
  { evaluations = Infinity }: { readonly evaluations?: number } = {},
): Search {
  const asking = new Asking(grid, evaluations);
  yield* asking.ask(start, Math.max(1, start.length));
  yield* closeFront(asking);
  return asking.ledger.result();
}

/** Asks until no neighbour of the front is unknown, or evaluations are used up. */
export function* closeFront(asking: Asking): Generator<Batch, void, readonly Outcome[]> {
  const around = new Surroundings(asking.grid.sizes);
  while ((yield* asking.ask(around.of(asking.ledger.best()), BATCH_POINTS)).length > 0);
}

/** Neighbours of points: those on one axis of all, before those on two. */
class Surroundings {
  readonly #sizes: readonly number[];
  readonly #done = [axisMoves, pairSteps].map((moves) => ({ moves, ranks: new Set<number>() }));

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** A point whose neighbours were not all taken is taken up again. */
  *of(centres: readonly { readonly point: Point }[]): Generator<Point> {
    for (const { moves, ranks } of this.#done) {
      for (const { point } of centres) {
        const rank = rankOf(this.#sizes, point);
        if (ranks.has(rank)) continue;
        yield* moves(this.#sizes, point);
        ranks.add(rank);
      }
    }
  }
}
