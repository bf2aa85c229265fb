/** A cheap study of a grid with two objectives, a limit, and points that do not serve. */
import {
  pointAt,
  runSearch,
  type Batch,
  type Outcome,
  type Search,
  type SearchResult,
} from '../../src/explore/search/problem.ts';
import {
  outcomeOf,
  type EvaluatePoint,
  type PointEvaluation,
  type ReadableStudy,
  type StoredPoint,
  type StudyDefinition,
} from '../../src/explore/study/index.ts';

const SIDE = 24;

export function syntheticDefinition(seed = 1): StudyDefinition {
  const values = Array.from({ length: SIDE }, (_, i) => i);
  return {
    celadon: { version: '0.0.0', commit: null },
    axes: [
      { name: 'width', values },
      { name: 'height', values: values.map((value) => value / 2) },
    ],
    objectives: [
      { metric: 'speed', want: 'most' },
      { metric: 'area', want: 'least' },
    ],
    inputs: { seed, limits: { area: 400 } },
  };
}

/** The same, of points that take so long each. */
export function slowDefinition(milliseconds: number): StudyDefinition {
  const definition = syntheticDefinition();
  return { ...definition, inputs: { ...definition.inputs, milliseconds } };
}

export function evaluateSynthetic([x, y]: readonly number[]): PointEvaluation {
  if ((x! + y!) % 11 === 10) return { misfit: 'odd one' };
  const area = x! * y! + 1;
  return {
    metrics: { speed: Math.sqrt(x! * 7 + y! * 3 + ((x! * 31) % 5)), area, price: null },
    violation: Math.max(0, area - 400) / 400,
    limitedBy: x! > y! ? 'width' : 'height',
  };
}

/** As threads load it; each point takes `inputs.milliseconds`. */
export function createEvaluate({ inputs }: StudyDefinition): EvaluatePoint {
  const milliseconds = Number(inputs['milliseconds'] ?? 0);
  return async (point) => {
    if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return evaluateSynthetic(point);
  };
}

/** Asks for rows of the grid, in an order that what was found decides. */
export function* syntheticSearch(): Search {
  const sizes = [SIDE, SIDE];
  const rows = Array.from({ length: SIDE }, (_, i) => i);
  const found: { point: readonly number[]; outcome: Outcome }[] = [];
  for (let row = 0; rows.length > 0;) {
    const points = Array.from({ length: SIDE }, (_, i) => pointAt(sizes, row * SIDE + i));
    rows.splice(rows.indexOf(row), 1);
    const batch: Batch = { points, left: rows.length * SIDE };
    const outcomes = yield batch;
    found.push(...points.map((point, i) => ({ point, outcome: outcomes[i]! })));
    const served = outcomes.filter(({ objectives }) => objectives !== undefined).length;
    row = rows[(served * 7) % Math.max(rows.length, 1)] ?? -1;
  }
  return resultOf(found);
}

/** What the study finds, whoever runs it. */
export function expectedResult(): SearchResult {
  const { objectives } = syntheticDefinition();
  return runSearch(syntheticSearch(), (point) => outcomeOf(objectives, evaluateSynthetic(point)));
}

/** And keeps, in this order. */
export function expectedPoints(): StoredPoint[] {
  const { objectives } = syntheticDefinition();
  const stored: StoredPoint[] = [];
  runSearch(syntheticSearch(), (point) => {
    const evaluation = evaluateSynthetic(point);
    stored.push({ point, evaluation });
    return outcomeOf(objectives, evaluation);
  });
  return stored;
}

function resultOf(found: readonly { point: readonly number[]; outcome: Outcome }[]): SearchResult {
  const kept = found.flatMap(({ point, outcome: { objectives, violation } }) =>
    objectives !== undefined && violation === 0 ? [{ point, objectives }] : [],
  );
  return {
    front: kept
      .filter((a) => !kept.some((b) => dominates(b.objectives, a.objectives)))
      .toSorted(byPoint),
    evaluations: found.length,
    overLimits: 0,
    bounded: 0,
    proven: true,
    nearest: undefined,
  };
}

function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => value >= b[i]!) && a.some((value, i) => value > b[i]!);
}

function byPoint(a: { point: readonly number[] }, b: { point: readonly number[] }): number {
  return a.point[0]! - b.point[0]! || a.point[1]! - b.point[1]!;
}

/** As a store has it, in memory. */
export function syntheticStudy(
  stored: readonly StoredPoint[] = expectedPoints(),
  definition: StudyDefinition = syntheticDefinition(),
): ReadableStudy {
  const [id, begun] = ['0123456789abcdef', '2026-11-29T13:00:00.000Z'];
  return { definition, id, begun, count: stored.length, summary: undefined, points: () => stored };
}
