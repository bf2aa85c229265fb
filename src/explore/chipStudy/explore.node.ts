/** Runs a study of chips, in memory or in a file, here or on workers, and reads its front as designs. */
import { nearestFeasible, type Feasibility } from '../explain/nearestFeasible.ts';
import type { Excess } from '../explain/view.ts';
import { exhaustiveSearch } from '../search/exhaustive.ts';
import { geneticSearch } from '../search/genetic.ts';
import {
  gridSize,
  type Grid,
  type Point,
  type Search,
  type SearchResult,
} from '../search/problem.ts';
import { randomSearch } from '../search/random.ts';
import { isMisfit } from '../space/chipRules.ts';
import type { Design } from '../space/design.ts';
import type { BrokenLimit } from '../space/limits.ts';
import {
  inProcessEvaluator,
  runStudy,
  StudyStore,
  threadEvaluator,
  type Evaluator,
  type PointEvaluation,
  type ReadableStudy,
  type RunOptions,
  type StudyDefinition,
} from '../study/index.ts';
import type { ChipGrid } from './chipGrid.ts';
import { chipView } from './chipView.ts';
import { inputsOf, type ChipStudyInputs } from './inputs.ts';
import { openGrid } from './openGrid.node.ts';

/** A point of the front as a design. */
export interface FrontDesign {
  readonly point: readonly number[];
  readonly design: Design;
  readonly evaluation: PointEvaluation;
}

export interface Explored {
  readonly definition: StudyDefinition;
  readonly grid: ChipGrid;
  readonly result: SearchResult;
  /** The best in the first objective first. */
  readonly front: readonly FrontDesign[];
  /** Where nothing was found that keeps the limits. */
  readonly nearest: Nearest | undefined;
  /** Where nothing was found: why designs cannot serve, the most frequent reasons first. */
  readonly misfits: readonly Misfits[];
  readonly seconds: number;
}

/** The design nearest to the limits, what it breaks, and which limits are to blame. */
export interface Nearest extends FrontDesign {
  /** Empty where a search for it alone found a design that keeps all limits. */
  readonly broken: readonly BrokenLimit[];
  readonly toBlame: readonly string[];
  /** The least ways to give in: limits to widen together, each by a share of itself; fewest first. */
  readonly relaxations: readonly (readonly Excess[])[];
  /** Every design of the space was looked at. */
  readonly proven: boolean;
}

/** Designs that cannot serve for a reason that differs in numbers only. */
export interface Misfits {
  /** Of the first of them. */
  readonly reason: string;
  readonly count: number;
}

export interface ExploreOptions extends RunOptions {
  /** Of the study; none: it is kept in memory only. */
  readonly file?: string | undefined;
  /** 1: in this thread. */
  readonly threads: number;
  /** Reads the whole study once it has ended. */
  readonly read?:
    | ((study: ReadableStudy, front: readonly FrontDesign[]) => Promise<void>)
    | undefined;
  /** In place of threads, as of workers elsewhere. */
  readonly evaluator?: Evaluator | undefined;
}

/** Grids up to this are searched whole unless said otherwise: half a minute's work. */
const EXHAUSTIVE_BY_DEFAULT = 20_000;

export async function exploreChips(
  definition: StudyDefinition,
  options: ExploreOptions,
): Promise<Explored> {
  const begun = performance.now();
  const grid = await openGrid(definition);
  const evaluator = options.evaluator ?? (await chipEvaluator(definition, options.threads, grid));
  const store = StudyStore.open(options.file ?? ':memory:', definition);
  try {
    const search = searchOf(grid, inputsOf(definition));
    const result = await runStudy(search, definition.objectives, store, evaluator, options);
    const { evaluations, overLimits, bounded, proven } = result;
    store.end({ evaluations, overLimits, bounded, proven });
    const read = (point: readonly number[]): FrontDesign => {
      return { point, design: designAt(grid, point), evaluation: store.find(point)! };
    };
    const best = result.front.toSorted((a, b) => b.objectives[0]! - a.objectives[0]!);
    const front = best.map(({ point }) => read(point));
    const explored = {
      ...{ definition, grid, result },
      front,
      nearest: front.length > 0 ? undefined : nearestOf(grid, definition),
      misfits: front.length > 0 ? [] : misfitsIn(store),
      seconds: (performance.now() - begun) / 1000,
    };
    await options.read?.(store, front);
    return explored;
  } finally {
    store.close();
    await evaluator.close();
  }
}

/** On threads of this machine; one thread is the calling one. */
export async function chipEvaluator(
  definition: StudyDefinition,
  threads: number,
  opened?: ChipGrid,
): Promise<Evaluator> {
  if (threads === 1) {
    const grid = opened ?? (await openGrid(definition));
    return inProcessEvaluator((point) => grid.evaluate(point));
  }
  const module = new URL('./openGrid.node.ts', import.meta.url).href;
  return threadEvaluator(module, definition, { threads });
}

function searchOf(grid: Grid, { search }: ChipStudyInputs): Search {
  const { name, seed, evaluations } = search;
  const isSmall = gridSize(grid.sizes) <= EXHAUSTIVE_BY_DEFAULT;
  if (name === 'exhaustive' || (name === 'auto' && isSmall)) return exhaustiveSearch(grid);
  if (name === 'random') return randomSearch(grid, { seed, evaluations });
  return geneticSearch(grid, { seed, evaluations });
}

function designAt({ space }: ChipGrid, point: readonly number[]): Design {
  const design = space.designAt(point);
  if (isMisfit(design)) throw new Error(`a point of the front must be a design: ${design.misfit}`);
  return design;
}

/** Limits count alike, whatever else is wanted. */
function nearestOf(grid: ChipGrid, definition: StudyDefinition): Nearest | undefined {
  const { limits, search } = inputsOf(definition);
  if (Object.keys(limits).length === 0) return undefined;
  const found = nearestFeasible(chipView(grid, definition), {
    seed: search.seed,
    evaluations: Math.min(search.evaluations, EXHAUSTIVE_BY_DEFAULT),
  });
  const point = pointOf(found);
  if (point === undefined) return undefined;
  const design = designAt(grid, point);
  const evaluation = grid.evaluate(point);
  const served = 'misfit' in evaluation ? undefined : evaluation.metrics;
  return {
    ...{ point, design, evaluation },
    broken: grid.limits.broken(design, served as never),
    ...(found.kind === 'infeasible'
      ? {
          toBlame: found.toBlame,
          relaxations: found.relaxations.map(({ widen }) => widen),
          proven: found.proven,
        }
      : { toBlame: [], relaxations: [], proven: false }),
  };
}

function pointOf(found: Feasibility): Point | undefined {
  if (found.kind === 'no service') return undefined;
  return found.kind === 'feasible' ? found.point : found.nearest.point;
}

function misfitsIn(store: StudyStore): Misfits[] {
  const found = new Map<string, { reason: string; count: number }>();
  for (const { evaluation } of store.points()) {
    const { misfit: reason, metrics } = evaluation;
    if (reason === undefined && metrics !== undefined) continue;
    const kind = `${reason}`.replaceAll(/\d[\d.,e+]*/g, 'n');
    const known = found.getOrInsertComputed(kind, () => ({ reason: `${reason}`, count: 0 }));
    known.count++;
  }
  return [...found.values()].toSorted((a, b) => b.count - a.count);
}
