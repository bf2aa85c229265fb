/** Asking: points that a search wants to know become a batch, less those known or ruled out. */
import { Ledger } from './ledger.ts';
import type { Individual } from './nsga.ts';
import { rankOf, type Batch, type Grid, type Outcome, type Point } from './problem.ts';

export class Asking {
  readonly grid: Grid;
  readonly ledger: Ledger;
  readonly #mostEvaluations: number;
  readonly #seen = new Set<number>();

  constructor(grid: Grid, mostEvaluations: number) {
    this.grid = grid;
    this.ledger = new Ledger(grid.sizes);
    this.#mostEvaluations = mostEvaluations;
  }

  /**
   * Takes points that were not taken before until `batchPoints` are to be evaluated, has them evaluated,
   * and gives all that it took; nothing once evaluations are used up.
   */
  *ask(
    candidates: Iterable<Point>,
    batchPoints: number,
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

  #isNew(point: Point): boolean {
    const rank = rankOf(this.grid.sizes, point);
    if (this.#seen.has(rank)) return false;
    this.#seen.add(rank);
    return true;
  }

  /** A point that need not be evaluated, as limits or bounds rule it out. */
  #passBy(point: Point): Individual | undefined {
    const violation = this.grid.violation(point);
    if (violation > 0) {
      this.ledger.overLimits(point, violation);
      return { point, objectives: undefined, violation };
    }
    const bound = this.grid.bound?.(point);
    return this.ledger.rulesOut(bound) ? { point, objectives: bound, violation: 0 } : undefined;
  }
}

/** What cannot serve is worse than what breaks a limit. */
function individual(point: Point, { objectives, violation }: Outcome): Individual {
  return { point, objectives, violation: objectives === undefined ? Infinity : violation };
}
