/** Searches on grids of chips: beside every point of the grid, and beside chance. */
import { openGrid } from '../src/explore/chipStudy/openGrid.node.ts';
import {
  defineChipStudy,
  exhaustiveSearch,
  geneticSearch,
  gridSize,
  hypervolume,
  randomSearch,
  rankOf,
  runSearch,
  type Found,
  type Outcome,
  type Problem,
  type SearchResult,
} from '../src/explore/index.ts';
import { outcomeOf } from '../src/explore/study/study.ts';
import { readCatalogueModel } from '../src/model/index.ts';
import { percent, type Table } from './table.ts';

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed);
const BUDGETS = [50, 100, 200, 400] as const;

const EDGE = { inputTokens: 1024, outputTokens: 512, concurrency: 1 } as const;
const CHAT = { inputTokens: 4096, outputTokens: 1024, concurrency: 64 } as const;

/** Of examples/: model, folder and requests. */
const EXAMPLES = [
  ['qwen3.5-4b', 'edge-qwen3.5-4b', EDGE],
  ['deepseek-v4-flash', 'decode-v4-flash', CHAT],
] as const;

type Example = (typeof EXAMPLES)[number];

interface Searched {
  readonly name: string;
  readonly problem: Problem;
  /** Every point within the limits was evaluated, without bounds. */
  readonly whole: SearchResult;
  /** Objectives of all points that keep all limits. */
  readonly kept: readonly (readonly number[])[];
}

export async function benchExploreSearch(): Promise<readonly Table[]> {
  const searched: Searched[] = [];
  for (const example of EXAMPLES) searched.push(await searchedWhole(example));
  return [frontTable(searched), volumeTable(searched)];
}

/** A grid of an example with all that is known of its points, so that searches are fast to repeat. */
async function searchedWhole([model, folder, workload]: Example): Promise<Searched> {
  const { raw } = readCatalogueModel(model);
  const definition = await defineChipStudy({
    models: [{ name: model, raw, weight: 1 }],
    workload,
    search: { name: 'exhaustive', seed: 1, evaluations: 0 },
    limits: `examples/${folder}/limits.json`,
    space: `examples/${folder}/space.json`,
    objectives: undefined,
    celadon: { version: '', commit: null },
  });
  const grid = await openGrid(definition);
  const { sizes } = grid;
  const known = new Map<number, Outcome>();
  const violations = remember(sizes, (point) => grid.violation(point));
  const problem: Problem = {
    sizes,
    violation: violations,
    bound: remember(sizes, (point) => grid.bound(point)),
    evaluate: (point) =>
      known.getOrInsertComputed(rankOf(sizes, point), () =>
        outcomeOf(definition.objectives, grid.evaluate(point)),
      ),
  };
  const whole = runSearch(exhaustiveSearch({ sizes, violation: violations }), problem.evaluate);
  const kept = [...known.values()].flatMap(({ objectives, violation }) =>
    objectives !== undefined && violation === 0 ? [objectives] : [],
  );
  return { name: folder, problem, whole, kept };
}

function remember<T>(
  sizes: readonly number[],
  of: (point: readonly number[]) => T,
): (point: readonly number[]) => T {
  const known = new Map<number, T>();
  return (point) => known.getOrInsertComputed(rankOf(sizes, point), () => of(point));
}

function frontTable(searched: readonly Searched[]): Table {
  return {
    title: 'The front of the searches beside that of the whole grid',
    notes: [
      'Grids of examples/. Whole: every point within the limits evaluated, no bounds. Exhaustive: with bounds; its counts add up to the grid. Genetic: NSGA-II and local search to its end, over 10 seeds; equal: the same points with the same objectives.',
    ],
    columns: [
      'grid',
      'points',
      'over limits',
      'front',
      'whole: evaluated',
      'exhaustive: evaluated',
      'bounded',
      'equal',
      'genetic: evaluated',
      'without bounds',
      'equal',
    ],
    rows: searched.map(frontRow),
  };
}

function frontRow({ name, problem, whole }: Searched): (string | number)[] {
  const { evaluate, bound: _, ...unbounded } = problem;
  const same = ({ front }: SearchResult): boolean =>
    JSON.stringify(front) === JSON.stringify(whole.front);
  const proven = runSearch(exhaustiveSearch(problem), evaluate);
  const [bounded, free] = [problem, unbounded].map((grid) =>
    SEEDS.map((seed) => runSearch(geneticSearch(grid, { seed }), evaluate)),
  );
  const evaluations = (runs: readonly SearchResult[]): string => {
    const counts = runs.map((run) => run.evaluations);
    return `${Math.min(...counts)}–${Math.max(...counts)}`;
  };
  const equal = [...bounded!, ...free!].filter(same).length;
  return [
    name,
    gridSize(problem.sizes),
    whole.overLimits,
    whole.front.length,
    whole.evaluations,
    proven.evaluations,
    proven.bounded,
    same(proven) && proven.proven ? 'yes' : 'NO',
    evaluations(bounded!),
    evaluations(free!),
    `${equal} of ${2 * SEEDS.length}`,
  ];
}

function volumeTable(searched: readonly Searched[]): Table {
  return {
    title: 'Hypervolume at equal evaluations',
    notes: [
      'Above the worst of each objective that any point within the limits has, as a share of the whole front’s. Means of 10 seeds; the ratio is of the means, in brackets the least of a seed. Random search draws no point twice and passes by, at no cost, what breaks limits that need no evaluation.',
    ],
    columns: ['grid', 'evaluations', 'random', 'genetic', 'ratio', 'without bounds', 'ratio'],
    rows: searched.flatMap((each) => BUDGETS.map((budget) => volumeRow(each, budget))),
  };
}

function volumeRow(
  { name, problem, whole, kept }: Searched,
  evaluations: number,
): (string | number)[] {
  const { evaluate, bound: _, ...unbounded } = problem;
  const worst = whole.front[0]!.objectives.map((_, i) =>
    kept.reduce((least, each) => Math.min(least, each[i]!), Infinity),
  );
  const volume = (front: readonly Found[]): number =>
    hypervolume(
      front.map(({ objectives }) => objectives),
      worst,
    );
  const all = volume(whole.front);
  const shares = (search: typeof randomSearch, grid: typeof unbounded): number[] =>
    SEEDS.map(
      (seed) => volume(runSearch(search(grid, { seed, evaluations }), evaluate).front) / all,
    );
  const random = shares(randomSearch, unbounded);
  const beside = (runs: readonly number[]): string[] => {
    const least = Math.min(...runs.map((share, i) => share / random[i]!));
    return [percent(mean(runs)), `${(mean(runs) / mean(random)).toFixed(2)} (${least.toFixed(2)})`];
  };
  return [
    name,
    evaluations,
    percent(mean(random)),
    ...beside(shares(geneticSearch, problem)),
    ...beside(shares(geneticSearch, unbounded)),
  ];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
