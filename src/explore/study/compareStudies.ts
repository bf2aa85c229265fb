/** Two studies beside each other, as of two commits: what was asked differently, and how the fronts moved. */
import {
  heading,
  paragraph,
  table,
  type Block,
  type Cell,
  type Document,
} from '../../base/index.ts';
import { canonicalJson, differences, differencesText, type Difference } from './differences.ts';
import { frontOf, type ReadableStudy } from './sheet.ts';
import { designOf, type Json, type PointEvaluation } from './study.ts';

export interface ComparedDesign {
  /** Values by axis; a design is the same in both studies if these are. */
  readonly design: Readonly<Record<string, Json>>;
  /** Where the front has it; undefined where it has not. */
  readonly before: PointEvaluation | undefined;
  readonly after: PointEvaluation | undefined;
}

export interface StudyComparison {
  readonly before: ReadableStudy;
  readonly after: ReadableStudy;
  /** Of the definitions. */
  readonly asked: readonly Difference[];
  /** Of both fronts, each design once: the first study's in its order, then what is new. */
  readonly fronts: readonly ComparedDesign[];
}

export function compareStudies(before: ReadableStudy, after: ReadableStudy): StudyComparison {
  const found = new Map<string, ComparedDesign>();
  for (const [side, study] of [['before', before] as const, ['after', after] as const])
    for (const { point, evaluation } of frontOf(study)) {
      const design = designOf(study.definition.axes, point);
      const key = canonicalJson(design);
      const known = found.get(key) ?? { design, before: undefined, after: undefined };
      found.set(key, { ...known, [side]: evaluation });
    }
  const asked = differences(
    before.definition as unknown as Json,
    after.definition as unknown as Json,
  );
  return { before, after, asked, fronts: [...found.values()] };
}

export function comparisonDocument({ before, after, asked, fronts }: StudyComparison): Document {
  const both = fronts.filter((each) => each.before && each.after).length;
  const gone = fronts.filter((each) => !each.after).length;
  return {
    title: `Studies ${before.id} and ${after.id}`,
    blocks: [
      paragraph(
        `${fronts.length} designs on the two fronts: ${both} on both, ${gone} on the first alone, ${fronts.length - both - gone} on the second alone.`,
      ),
      heading('Asked differently'),
      ...askedBlocks(asked),
      heading('Fronts'),
      table(frontRows(before, after, fronts)),
    ],
  };
}

function askedBlocks(asked: readonly Difference[]): Block[] {
  if (asked.length === 0) return [paragraph('Nothing: the definitions are equal.')];
  return [{ kind: 'list', items: differencesText(asked).split('\n') }];
}

function frontRows(
  before: ReadableStudy,
  after: ReadableStudy,
  fronts: readonly ComparedDesign[],
): Cell[][] {
  const studies = [before, after];
  const axes = unique(studies.flatMap(({ definition }) => definition.axes.map(({ name }) => name)));
  const metrics = unique(
    studies.flatMap(({ definition }) => definition.objectives.map(({ metric }) => metric)),
  );
  return [
    [...axes, ...metrics, 'front'],
    ...fronts.map(({ design, before, after }): Cell[] => [
      ...axes.map((name) => valueText(design[name])),
      ...metrics.map((name) => changeText(before?.metrics?.[name], after?.metrics?.[name])),
      before && after ? 'both' : before ? 'first' : 'second',
    ]),
  ];
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

function valueText(value: Json | undefined): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

type Metric = number | null | undefined;

function changeText(before: Metric, after: Metric): string {
  const text = (value: Metric): string => (value == null ? '?' : `${Number(value.toPrecision(4))}`);
  if (before === undefined || after === undefined) return text(before ?? after);
  if (before === after) return text(before);
  if (before === null || after === null || before === 0) return `${text(before)} → ${text(after)}`;
  const percent = 100 * (after / before - 1);
  return `${text(before)} → ${text(after)} (${percent > 0 ? '+' : ''}${percent.toPrecision(2)} %)`;
}
