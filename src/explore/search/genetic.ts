/**
 * NSGA-II on a grid, then a local search around its front: the first finds where the front is, with few
 * points; the second fills its gaps. No point is evaluated twice, and none that limits or bounds rule
 * out. A generation is a batch.
 *
 * Whether the front is that of the whole grid is not proven, unless the search has come by every point.
 */
import { Random } from '../../base/index.ts';
import { Asking } from './asking.ts';
import { closeFront } from './local.ts';
import { survivors, tournament, type Individual, type Ranked } from './nsga.ts';
import { gridSize, pointAt, type Grid, type Point, type Search } from './problem.ts';
import { shuffledRanks } from './random.ts';
import { cross, mutate } from './variation.ts';

export interface GeneticOptions {
  readonly seed: number;
  /** Evaluated points of a generation, and how many survive. */
  readonly population?: number;
  /** At most; without it the search ends when no neighbour of the front is unknown. */
  readonly evaluations?: number;
}

/** Generations without a new point in the front, after which the local search begins. */
const PATIENCE = 5;
/** Points looked at for each one that keeps the limits. */
const LOOKS = 20;

export function* geneticSearch(
  grid: Grid,
  { seed, population = 32, evaluations = Infinity }: GeneticOptions,
): Search {
  const random = new Random(seed);
  const asking = new Asking(grid, evaluations);
  const { sizes } = grid;
  const looks = population * LOOKS;
  let members: Individual[] = yield* asking.ask(drawn(sizes, looks, random), population);
  for (let quiet = 0; quiet < PATIENCE && members.length > 0;) {
    const parents = survivors(members, population);
    const before = asking.ledger.improvements;
    const born = yield* asking.ask(children(sizes, parents, looks, random), population);
    members = [...parents, ...born];
    quiet = asking.ledger.improvements === before ? quiet + 1 : 0;
  }
  yield* closeFront(asking);
  return asking.ledger.result();
}

/** Points at random for the first generation. */
function* drawn(sizes: readonly number[], looks: number, random: Random): Generator<Point> {
  for (const rank of shuffledRanks(random, gridSize(sizes)).take(looks)) yield pointAt(sizes, rank);
}

function* children(
  sizes: readonly number[],
  parents: readonly Ranked[],
  looks: number,
  random: Random,
): Generator<Point> {
  for (let look = 0; look < looks; look++) {
    const [a, b] = [tournament(parents, random), tournament(parents, random)];
    yield mutate(sizes, cross(sizes, a.point, b.point, random), random);
  }
}
