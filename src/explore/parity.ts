/** By year: the best domestic product of the roadmaps against NVIDIA's. */
import type { Accelerator, Assumptions, Roadmap } from '../chip/index.ts';
import {
  assumptionsByName,
  outlookOf,
  type Outlook,
  type ParityWorkload,
  type Scales,
} from './outlook.ts';
import { quotient, type Range } from './range.ts';

export const TASKS = ['training', 'inference'] as const;
export type Task = (typeof TASKS)[number];
export const SCALES = ['perChip', 'perSystem', 'perWatt'] as const satisfies (keyof Scales)[];
export type Scale = (typeof SCALES)[number];

/** What NVIDIA's does over what the best domestic one does. */
export interface ParityCell {
  readonly year: number;
  readonly task: Task;
  readonly scale: Scale;
  readonly domestic: string | null;
  readonly nvidia: string | null;
  /** Below 1: the domestic one does more. null: one of the two is not published. */
  readonly ratio: Range | null;
}

/** When a task reaches parity on a scale. */
export interface Arrival {
  readonly task: Task;
  readonly scale: Scale;
  /** The first year in which it is possible (low end at most 1), likely (value) and certain (high end); null: not on the roadmaps. */
  readonly possible: number | null;
  readonly likely: number | null;
  readonly certain: number | null;
}

export interface Parity {
  readonly workload: ParityWorkload;
  readonly outlooks: readonly Outlook[];
  readonly cells: readonly ParityCell[];
  readonly arrivals: readonly Arrival[];
  /** Domestic products without a published rate: in no ranking. */
  readonly unranked: readonly string[];
}

const LEADER = 'NVIDIA';

/** Compares the roadmaps for a workload; `chips` are those that the roadmaps name. */
export function parityOf(
  roadmaps: readonly Roadmap[],
  chips: readonly Accelerator[],
  workload: ParityWorkload,
  assumptions: Assumptions,
): Parity {
  const assume = assumptionsByName(assumptions);
  const outlooks = roadmaps.flatMap((roadmap) =>
    roadmap.products.map((item) => {
      const chip = chips.find(({ id }) => id === item.chip);
      return outlookOf(roadmap, item, chip, workload, assume);
    }),
  );
  const years = [...new Set(outlooks.map(({ product }) => product.year))].toSorted();
  const cells = TASKS.flatMap((task) =>
    SCALES.flatMap((scale) => years.map((year) => cellOf(outlooks, year, task, scale))),
  );
  return {
    workload,
    outlooks,
    cells,
    arrivals: TASKS.flatMap((task) => SCALES.map((scale) => arrivalOf(cells, task, scale))),
    unranked: outlooks
      .filter(({ country, training }) => country === 'CN' && training.perChip === null)
      .map(({ maker, product }) => `${maker} ${product.name}`),
  };
}

/** Of each side the best that is out by the year. */
function cellOf(outlooks: readonly Outlook[], year: number, task: Task, scale: Scale): ParityCell {
  const best = (side: readonly Outlook[]): Outlook | undefined =>
    side
      .filter((each) => each.product.year <= year && each[task][scale] !== null)
      .toSorted((a, b) => b[task][scale]!.value - a[task][scale]!.value)[0];
  const domestic = best(outlooks.filter(({ country }) => country === 'CN'));
  const leader = best(outlooks.filter(({ maker }) => maker === LEADER));
  const ratio = domestic && leader ? quotient(leader[task][scale]!, domestic[task][scale]!) : null;
  return {
    year,
    task,
    scale,
    domestic: domestic?.product.name ?? null,
    nvidia: leader?.product.name ?? null,
    ratio,
  };
}

function arrivalOf(cells: readonly ParityCell[], task: Task, scale: Scale): Arrival {
  const first = (end: keyof Range): number | null => {
    const found = cells.find(
      (cell) =>
        cell.task === task && cell.scale === scale && cell.ratio !== null && cell.ratio[end] <= 1,
    );
    return found?.year ?? null;
  };
  return { task, scale, possible: first('low'), likely: first('value'), certain: first('high') };
}
