/**
 * NSGA-II on a grid, then a local search around its front: the first finds where the front is, with few
 * points; the second fills its gaps. Both begin again from other points, as a front may have parts that are no
 * neighbours, such as designs with other memories. No point is evaluated twice, and none that limits or
 * bounds rule out. A generation is a batch.
 *
 * Whether the front is that of the whole grid is not proven, unless the search has come by every point.
 */
import { Random } from '../../base/index.ts';
import { Asking } from './asking.ts';
import { Front } from './front.ts';
import { closeFront } from './local.ts';
import { survivors, tournament, type Individual, type Ranked } from './nsga.ts';
import {
  gridSize,
  pointAt,
  type Batch,
  type Grid,
  type Outcome,
  type Point,
  type Search,
} from './problem.ts';
import { shuffledRanks } from './random.ts';
import { cross, mutate } from './variation.ts';

export interface GeneticOptions {
  readonly seed: number;
  /** Evaluated points of a generation, and how many survive. */
  readonly population?: number;
  /** At most; without it the search ends when no neighbour of the front is unknown. */
  readonly evaluations?: number;
}

/** Generations without a new point in their front, after which the local search begins. */
const PATIENCE = 5;
/** Starts at least; further ones follow while the last found more. */
const STARTS = 6;
/** Of a further start, at most: it is to find the places of other parts, which the local search fills. */
const GENERATIONS = 16;
/** Points looked at for each one that keeps the limits. */
const LOOKS = 20;

export function* geneticSearch(
  grid: Grid,
  { seed, population = 32, evaluations = Infinity }: GeneticOptions,
): Search {
  const random = new Random(seed);
  const asking = new Asking(grid, evaluations);
  const { ledger } = asking;
  let found = -1;
  for (let start = 0; start < STARTS || ledger.improvements > found; start++) {
    found = ledger.improvements;
    yield* evolve(asking, population, random, start === 0 ? Infinity : GENERATIONS);
    yield* closeFront(asking);
    if (ledger.left === 0 || ledger.evaluations >= evaluations) break;
  }
  return ledger.result();
}

/** Generations from points at random, until some in a row add nothing to the front of their own. */
function* evolve(
  asking: Asking,
  population: number,
  random: Random,
  generations: number,
): Generator<Batch, void, readonly Outcome[]> {
  const { sizes } = asking.grid;
  const looks = population * LOOKS;
  const front = new Front();
  let members: Individual[] = yield* asking.ask(drawn(sizes, looks, random), population);
  let born = members;
  for (let i = 0, quiet = 0; i < generations && quiet < PATIENCE && members.length > 0; i++) {
    quiet = addAll(front, born) ? 0 : quiet + 1;
    const parents = survivors(members, population);
    born = yield* asking.ask(children(sizes, parents, looks, random), population);
    members = [...parents, ...born];
  }
}

/** Whether any that keeps the limits comes into the front. */
function addAll(front: Front, members: readonly Individual[]): boolean {
  let isAny = false;
  for (const { point, objectives, violation } of members)
    if (objectives !== undefined && violation === 0 && front.add({ point, objectives }))
      isAny = true;
  return isAny;
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
