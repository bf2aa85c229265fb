/** A study as a table: a row for each point, in the order in which the search asked for them. */
import { Front } from '../search/front.ts';
import type { Point } from '../search/problem.ts';
import { keyOf, outcomeOf, type Json, type PointEvaluation } from './study.ts';
import type { StoredPoint, StudyDefinition } from './study.ts';

/** What tables and reports read of a study; a StudyStore has it. */
export interface ReadableStudy {
  readonly definition: StudyDefinition;
  readonly id: string;
  readonly begun: string;
  readonly count: number;
  /** Undefined while the search has not ended. */
  readonly summary: Json | undefined;
  points(): Iterable<StoredPoint>;
}

export type SheetCell = number | string | boolean | null;

export interface Column {
  readonly name: string;
  readonly type: 'number' | 'text' | 'flag';
  readonly read: (point: Point, evaluation: PointEvaluation) => SheetCell;
}

export interface Sheet {
  readonly columns: readonly Column[];
  /** One at a time, so that a study may be larger than memory. */
  rows(): Generator<SheetCell[]>;
}

/** The finished points that keep all limits and that none dominates, as stored; sorted by point. */
export function frontOf(study: ReadableStudy): StoredPoint[] {
  const { objectives } = study.definition;
  const front = new Front();
  for (const { point, evaluation } of study.points()) {
    const { objectives: values, violation } = outcomeOf(objectives, evaluation);
    if (values !== undefined && violation === 0) front.add({ point, objectives: values });
  }
  const order = new Map(front.list().map(({ point }, place) => [keyOf(point), place]));
  const kept = new Array<StoredPoint>(order.size);
  for (const each of study.points()) {
    const place = order.get(keyOf(each.point));
    if (place !== undefined) kept[place] = each;
  }
  return kept;
}

/** Axes, metrics, whatever else is a single value of evaluations, and whether the point is on the front. */
export function sheetOf(study: ReadableStudy): Sheet {
  const front = new Set(frontOf(study).map(({ point }) => keyOf(point)));
  const columns = [
    ...axisColumns(study.definition),
    ...evaluationColumns(study),
    { name: 'front', type: 'flag', read: (point: Point) => front.has(keyOf(point)) } as const,
  ];
  return {
    columns: unlike(columns),
    *rows() {
      for (const { point, evaluation } of study.points())
        yield columns.map(({ read }) => read(point, evaluation));
    },
  };
}

function axisColumns({ axes }: StudyDefinition): Column[] {
  return axes.map(({ name, values }, axis) => {
    const type = values.every((value) => typeof value === 'number') ? 'number' : 'text';
    const cells = values.map((value) => (type === 'number' ? (value as number) : textOf(value)));
    return { name, type, read: (point) => cells[point[axis]!] ?? null };
  });
}

/** Metrics as they come up, then the other values. */
function evaluationColumns(study: ReadableStudy): Column[] {
  const metrics = new Set<string>();
  const others = new Map<string, Column['type']>();
  for (const { evaluation } of study.points()) {
    for (const name of Object.keys(evaluation.metrics ?? {})) metrics.add(name);
    for (const [name, value] of Object.entries(evaluation))
      if (name !== 'metrics' && value !== undefined && value !== null)
        others.set(
          name,
          others.has(name) && others.get(name) !== typeOf(value) ? 'text' : typeOf(value),
        );
  }
  return [
    ...[...metrics].map((name): Column => ({
      ...{ name, type: 'number' },
      read: (_, evaluation) => evaluation.metrics?.[name] ?? null,
    })),
    ...[...others].map(([name, type]): Column => ({
      ...{ name, type },
      read: (_, evaluation) => {
        const value = evaluation[name];
        if (value === undefined || value === null) return null;
        return type === 'text' ? textOf(value) : (value as number | boolean);
      },
    })),
  ];
}

function typeOf(value: Json): Column['type'] {
  if (typeof value === 'number') return 'number';
  return typeof value === 'boolean' ? 'flag' : 'text';
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The second of a name gets a number. */
function unlike(columns: readonly Column[]): Column[] {
  const seen = new Map<string, number>();
  return columns.map((column) => {
    const times = (seen.get(column.name) ?? 0) + 1;
    seen.set(column.name, times);
    return times === 1 ? column : { ...column, name: `${column.name} ${times}` };
  });
}
