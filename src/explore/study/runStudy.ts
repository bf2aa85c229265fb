/**
 * A study runs: its search asks, evaluators answer, the store keeps. Told in the order asked, whoever
 * finished first, and told again what the store has: so neither the number of workers nor any
 * interruption changes what is found.
 */
import type { Outcome, Point, Search, SearchResult } from '../search/problem.ts';
import { keyOf, outcomeOf, type PointEvaluation, type StudyObjective } from './study.ts';

/** Evaluates points, here or elsewhere. */
export interface Evaluator {
  /** Points that it is best given at a time, and such portions at once. */
  readonly portion: number;
  readonly lanes: number;
  /** In the order of the points. */
  evaluate(points: readonly Point[]): Promise<readonly PointEvaluation[]>;
  close(): Promise<void>;
}

/** The part of a store that a run needs. */
export interface Store {
  find(point: Point): PointEvaluation | undefined;
  beginBatch(number: number, points: readonly Point[]): void;
  finish(
    batch: number,
    delivered: readonly {
      readonly place: number;
      readonly point: Point;
      readonly evaluation: PointEvaluation;
    }[],
  ): void;
}

export interface StudyProgress {
  readonly batch: number;
  /** Points with evaluations, of which so many were there before this run. */
  readonly finished: number;
  readonly reused: number;
  /** Points of this batch without, and of later batches at most. */
  readonly left: number;
  /** Of this run; 0 before its first. */
  readonly pointsPerSecond: number;
  /** At most, at this rate; undefined before there is one. */
  readonly secondsLeft: number | undefined;
}

export interface RunOptions {
  readonly onProgress?: (progress: StudyProgress) => void;
  /** Ends the run early; what is being evaluated is still finished and kept. */
  readonly signal?: AbortSignal;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Runs to the end of the search, from wherever the store is. Throws the signal's reason when it ends early. */
export async function runStudy(
  search: Search,
  objectives: readonly StudyObjective[],
  store: Store,
  evaluator: Evaluator,
  { onProgress, signal, now = () => performance.now() }: RunOptions = {},
): Promise<SearchResult> {
  const begun = now();
  let [finished, reused] = [0, 0];
  let step = search.next([]);
  for (let batch = 0; step.done !== true; batch++) {
    const { points, left } = step.value;
    store.beginBatch(batch, points);
    const outcomes: (Outcome | undefined)[] = points.map((point) => {
      const known = store.find(point);
      return known && outcomeOf(objectives, known);
    });
    const missing = outcomes.flatMap((outcome, place) => (outcome === undefined ? [place] : []));
    let pending = missing.length;
    [finished, reused] = [finished + points.length - pending, reused + points.length - pending];
    const report = (): void => {
      const pointsPerSecond = (finished - reused) / Math.max((now() - begun) / 1000, 1e-9);
      const rest = pending + left;
      onProgress?.({
        batch,
        finished,
        reused,
        left: rest,
        pointsPerSecond,
        secondsLeft: pointsPerSecond > 0 ? rest / pointsPerSecond : undefined,
      });
    };
    report();
    await inPortions(missing, evaluator, signal, async (places) => {
      const evaluations = await evaluateAll(
        evaluator,
        places.map((place) => points[place]!),
      );
      store.finish(
        batch,
        places.map((place, i) => ({ place, point: points[place]!, evaluation: evaluations[i]! })),
      );
      for (const [i, place] of places.entries())
        outcomes[place] = outcomeOf(objectives, evaluations[i]!);
      [finished, pending] = [finished + places.length, pending - places.length];
      report();
    });
    step = search.next(outcomes as Outcome[]);
  }
  return step.value;
}

async function evaluateAll(
  evaluator: Evaluator,
  points: readonly Point[],
): Promise<readonly PointEvaluation[]> {
  const evaluations = await evaluator.evaluate(points);
  if (evaluations.length !== points.length)
    throw new Error(
      `an evaluator must answer ${points.length} points from ${keyOf(points[0]!)} on, not ${evaluations.length}`,
    );
  return evaluations;
}

/** Runs `work` on portions, as many at once as the evaluator has lanes; none begins after one has failed. */
async function inPortions(
  places: readonly number[],
  { portion, lanes }: Evaluator,
  signal: AbortSignal | undefined,
  work: (places: readonly number[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (next < places.length && failures.length === 0) {
      const mine = places.slice(next, (next += portion));
      try {
        signal?.throwIfAborted();
        await work(mine);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failures.length > 0) throw failures[0];
}
