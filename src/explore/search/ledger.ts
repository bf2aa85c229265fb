/** Ledger: the front of a search so far, and how many points it has dealt with, in which way. */
import { ShapeError } from '../../base/index.ts';
import { Front, lexicographic } from './front.ts';
import { gridSize, type Outcome, type Point, type SearchResult } from './problem.ts';

export class Ledger {
  readonly #size: number;
  readonly #front = new Front();
  #nearest: SearchResult['nearest'];
  #improvements = 0;
  #evaluations = 0;
  #overLimits = 0;
  #bounded = 0;

  /** Of a grid with these sizes; whoever writes into it names each point once. */
  constructor(sizes: readonly number[]) {
    this.#size = gridSize(sizes);
  }

  get evaluations(): number {
    return this.#evaluations;
  }

  /** Points that came into the front, whether or not they are still there. */
  get improvements(): number {
    return this.#improvements;
  }

  /** Points that were not dealt with. */
  get left(): number {
    return this.#size - this.#evaluations - this.#overLimits - this.#bounded;
  }

  /** A point that breaks limits by so much. */
  overLimits(point: Point, violation: number): void {
    this.#overLimits++;
    this.#approach(point, violation);
  }

  /**
   * Whether a point can be left out: the front dominates even its bound, hence the point. A bound that
   * the front only equals says nothing, as equals stand side by side.
   */
  rulesOut(bound: readonly number[] | undefined): boolean {
    if (bound === undefined || !this.#front.dominates(bound)) return false;
    this.#bounded++;
    return true;
  }

  /** The outcomes of points, in their order. */
  evaluated(points: readonly Point[], outcomes: readonly Outcome[]): void {
    if (outcomes.length !== points.length) {
      throw new ShapeError(
        `a search must be told ${points.length} outcomes, one a point, not ${outcomes.length}`,
      );
    }
    this.#evaluations += points.length;
    for (const [index, point] of points.entries()) {
      const { objectives, violation } = outcomes[index]!;
      if (objectives === undefined) continue;
      if (violation > 0) this.#approach(point, violation);
      else if (this.#front.add({ point, objectives })) this.#improvements++;
    }
  }

  #approach(point: Point, violation: number): void {
    const least = this.#nearest;
    const isNearer =
      least === undefined ||
      violation < least.violation ||
      (violation === least.violation && lexicographic(point, least.point) < 0);
    if (isNearer) this.#nearest = { point, violation };
  }

  /** The front; the nearest point, where there is none. */
  best(): readonly { readonly point: Point }[] {
    const front = this.#front.list();
    return front.length > 0 || this.#nearest === undefined ? front : [this.#nearest];
  }

  result(): SearchResult {
    const front = this.#front.list();
    return {
      front,
      evaluations: this.#evaluations,
      overLimits: this.#overLimits,
      bounded: this.#bounded,
      proven: this.left === 0,
      nearest: front.length > 0 ? undefined : this.#nearest,
    };
  }
}
