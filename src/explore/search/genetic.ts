/**
 * NSGA-II on a grid, then a local search around its front until nothing near the front is unknown; around
 * the nearest point, where none keeps the limits.
 *
 * The first finds where the front is, with few points; the second fills its gaps, which on a grid are
 * neighbours of what is known. No point is evaluated twice, and none that limits or bounds rule out. A
 * generation is a batch.
 *
 * Whether the front is that of the whole grid is not proven, unless the search has come by every point.
 */
import { Random } from '../../base/index.ts';
import { Ledger } from './ledger.ts';
import { axisMoves, pairSteps } from './neighbours.ts';
import { survivors, tournament, type Individual, type Ranked } from './nsga.ts';
import {
  gridSize,
  pointAt,
  rankOf,
  type Batch,
  type Found,
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

/** Generations without a new point in the front, after which the local search begins. */
const PATIENCE = 5;
/** Points looked at for each one that keeps the limits. */
const LOOKS = 20;
/** A batch of the local search. */
const CLOSING_POINTS = 256;

export function* geneticSearch(grid: Grid, options: GeneticOptions): Search {
  const run = new Run(grid, options);
  let members: Individual[] = yield* run.ask(run.drawn());
  for (let quiet = 0; quiet < PATIENCE && members.length > 0;) {
    const ranked = survivors(members, run.population);
    const before = run.ledger.improvements;
    const children = yield* run.ask(run.children(ranked));
    members = [...ranked, ...children];
    quiet = run.ledger.improvements === before ? quiet + 1 : 0;
  }
  const around = new Surroundings(grid.sizes);
  while ((yield* run.ask(around.of(run.ledger.best()), CLOSING_POINTS)).length > 0);
  return run.ledger.result();
}

class Run {
  readonly ledger: Ledger;
  readonly population: number;
  readonly #grid: Grid;
  readonly #random: Random;
  readonly #mostEvaluations: number;
  readonly #seen = new Set<number>();

  constructor(grid: Grid, { seed, population = 32, evaluations = Infinity }: GeneticOptions) {
    this.ledger = new Ledger(grid.sizes);
    this.population = population;
    this.#grid = grid;
    this.#random = new Random(seed);
    this.#mostEvaluations = evaluations;
  }

  /** Takes unseen points until there is a generation to evaluate, and gives all that it took. */
  *ask(
    candidates: Iterable<Point>,
    batchPoints = this.population,
  ): Generator<Batch, Individual[], readonly Outcome[]> {
    const passedBy: Individual[] = [];
    const points: Point[] = [];
    const left = this.#mostEvaluations - this.ledger.evaluations;
    const most = Math.min(batchPoints, left);
    if (most === 0) return [];
    for (const point of candidates) {
      if (!this.#isNew(point)) continue;
      const known = this.#passBy(point);
      if (known === undefined) points.push(point);
      else passedBy.push(known);
      if (points.length === most) break;
    }
    if (points.length === 0) return passedBy;
    const later = Math.min(left, this.ledger.left) - points.length;
    const outcomes = yield { points, left: later };
    this.ledger.evaluated(points, outcomes);
    return [...passedBy, ...points.map((point, index) => individual(point, outcomes[index]!))];
  }

  /** Points at random for the first generation. */
  *drawn(): Generator<Point> {
    const { sizes } = this.#grid;
    const looks = this.population * LOOKS;
    const ranks = shuffledRanks(this.#random, gridSize(sizes)).take(looks);
    for (const rank of ranks) yield pointAt(sizes, rank);
  }

  *children(parents: readonly Ranked[]): Generator<Point> {
    const [random, { sizes }] = [this.#random, this.#grid];
    for (let look = 0; look < this.population * LOOKS; look++) {
      const [a, b] = [tournament(parents, random), tournament(parents, random)];
      yield mutate(sizes, cross(sizes, a.point, b.point, random), random);
    }
  }

  #isNew(point: Point): boolean {
    const rank = rankOf(this.#grid.sizes, point);
    if (this.#seen.has(rank)) return false;
    this.#seen.add(rank);
    return true;
  }

  /** A point that need not be evaluated, as limits or bounds rule it out. */
  #passBy(point: Point): Individual | undefined {
    const violation = this.#grid.violation(point);
    if (violation > 0) {
      this.ledger.overLimits(point, violation);
      return { point, objectives: undefined, violation };
    }
    const bound = this.#grid.bound?.(point);
    return this.ledger.rulesOut(bound) ? { point, objectives: bound, violation: 0 } : undefined;
  }
}

/** What cannot serve is worse than what breaks a limit. */
function individual(point: Point, { objectives, violation }: Outcome): Individual {
  return { point, objectives, violation: objectives === undefined ? Infinity : violation };
}

/** Neighbours of front points: those on one axis of all, before those on two. */
class Surroundings {
  readonly #sizes: readonly number[];
  readonly #done = [axisMoves, pairSteps].map((moves) => ({ moves, ranks: new Set<number>() }));

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** A front point whose neighbours were not all taken is taken up again. */
  *of(front: readonly Pick<Found, 'point'>[]): Generator<Point> {
    for (const { moves, ranks } of this.#done) {
      for (const { point } of front) {
        const rank = rankOf(this.#sizes, point);
        if (ranks.has(rank)) continue;
        yield* moves(this.#sizes, point);
        ranks.add(rank);
      }
    }
  }
}
