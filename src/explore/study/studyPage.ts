/** The report of a study: a plot of the front, tables, and what was asked. */
import {
  heading,
  paragraph,
  table,
  toHtml,
  type Block,
  type Cell,
  type Document,
} from '../../base/index.ts';
import { plotSvg, plotText, type Plot, type Series } from '../plot.ts';
import { exactly } from '../range.ts';
import { paretoScript, type PlottedPoint } from './paretoScript.ts';
import { frontOf, type ReadableStudy } from './sheet.ts';
import { designOf, keyOf, type Json, type StoredPoint, type StudyObjective } from './study.ts';

/** What a study does not know itself: real things beside its points, under names of its metrics. */
export interface StudyReference {
  readonly name: string;
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** What a thing can do at most: the roof of a roofline. */
export interface Roof {
  readonly name: string;
  readonly operationsPerSecond: number;
  readonly bytesPerSecond: number;
}

export interface PageOptions {
  readonly title: string;
  readonly references?: readonly StudyReference[];
  readonly roofs?: readonly Roof[];
  /** Below all else, what was found of the front in other ways. */
  readonly tables?: readonly TextTable[];
}

export interface TextTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Rows and dots of a page; the exports have all. */
const MAX_ROWS = 200;
const MAX_OTHERS = 2000;

/** Without scripts, for papers, Markdown and CSV. */
export function studyDocument(study: ReadableStudy, options: PageOptions): Document {
  const front = frontOf(study);
  const { title, references = [], roofs = [], tables = [] } = options;
  const state = study.summary === undefined ? 'the search has not ended' : 'the search has ended';
  return {
    title,
    blocks: [
      paragraph(
        `${study.count} points evaluated, ${front.length} on the front; ${state}. Study ${study.id}, begun ${study.begun.slice(0, 10)} with Celadon ${versionText(study)}.`,
      ),
      ...frontFigure(study.definition.objectives, front, references),
      heading('Front'),
      ...frontTable(study, front),
      ...referenceBlocks(study, front, references),
      ...roofBlocks(roofs),
      ...tables.flatMap((each) => [heading(each.title), table([each.columns, ...each.rows])]),
      heading('What was asked'),
      { kind: 'list', items: askedItems(study) },
    ],
  };
}

/** One page that needs no network. */
export function studyHtml(study: ReadableStudy, options: PageOptions): string {
  const document = studyDocument(study, options);
  const front = frontOf(study);
  if (!document.blocks.some(({ kind }) => kind === 'figure')) return toHtml(document);
  const metrics = metricsOf(study, front);
  const valuesOf = (of: Readonly<Record<string, number | null>> | undefined) =>
    metrics.map((name) => of?.[name] ?? null);
  const onFront = new Set(front.map(({ point }) => keyOf(point)));
  const pointOf = (series: number, { point, evaluation }: StoredPoint): PlottedPoint => ({
    ...{ series, values: valuesOf(evaluation.metrics), text: designText(study, point) },
  });
  const places = study.definition.objectives.map(({ metric }) => metrics.indexOf(metric));
  const script = paretoScript({
    metrics,
    x: places[1] ?? places[0]!,
    y: places[0]!,
    series: ['front', 'other designs', 'real chips'],
    points: [
      ...sampleOthers(study, onFront).map((each) => pointOf(1, each)),
      ...front.map((each) => pointOf(0, each)),
      ...(options.references ?? []).map(({ name, metrics: of }) => ({
        ...{ series: 2, values: valuesOf(of), text: name },
      })),
    ],
  });
  return toHtml(document, script);
}

/** The front in the first two objectives, as SVG. */
export function frontSvg(study: ReadableStudy, references: readonly StudyReference[] = []): string {
  return plotSvg(frontPlot(study.definition.objectives, frontOf(study), references));
}

function versionText({ definition: { celadon } }: ReadableStudy): string {
  return `${celadon.version}${celadon.commit === null ? '' : ` (${celadon.commit})`}`;
}

/** Every so many, so that a page stays small. */
function sampleOthers(study: ReadableStudy, front: ReadonlySet<string>): StoredPoint[] {
  const step = Math.ceil(study.count / MAX_OTHERS);
  const others: StoredPoint[] = [];
  let place = 0;
  for (const each of study.points()) {
    if (place++ % step !== 0 || each.evaluation.metrics === undefined) continue;
    if (!front.has(keyOf(each.point))) others.push(each);
  }
  return others;
}

function metricsOf({ definition }: ReadableStudy, front: readonly StoredPoint[]): string[] {
  const found = front.flatMap(({ evaluation }) => Object.keys(evaluation.metrics ?? {}));
  return [...new Set([...definition.objectives.map(({ metric }) => metric), ...found])];
}

function designText({ definition }: ReadableStudy, point: readonly number[]): string {
  return Object.entries(designOf(definition.axes, point))
    .map(([name, value]) => `${name} ${textOf(value)}`)
    .join(', ');
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function short(value: number | null | undefined): string {
  return value == null ? '?' : `${Number(value.toPrecision(4))}`;
}

function frontFigure(
  objectives: readonly StudyObjective[],
  front: readonly StoredPoint[],
  references: readonly StudyReference[],
): Block[] {
  if (front.length === 0) return [paragraph('No point keeps all limits.')];
  const plot = frontPlot(objectives, front, references);
  const caption = 'Designs that none exceeds in all objectives, in the first two of them.';
  return [{ kind: 'figure', svg: plotSvg(plot), text: plotText(plot), caption }];
}

function frontPlot(
  objectives: readonly StudyObjective[],
  front: readonly StoredPoint[],
  references: readonly StudyReference[],
): Plot {
  const [y, x = y] = objectives;
  const at = (metrics: Readonly<Record<string, number | null>>, label?: string) => {
    const [across, up] = [metrics[x!.metric] ?? null, metrics[y!.metric] ?? null];
    if (across === null || up === null) return [];
    return [{ x: across, y: exactly(up), ...(label !== undefined && { label }) }];
  };
  const real = references.flatMap(({ name, metrics }) => at(metrics, name));
  const designs = front.flatMap(({ evaluation }) => at(evaluation.metrics ?? {}));
  const series: Series[] = [
    { name: 'front', points: designs, line: false },
    ...(real.length > 0 ? [{ name: 'real chips', points: real, line: false }] : []),
  ];
  const title = `${y!.metric} against ${x!.metric}`;
  const axis = ({ metric }: StudyObjective) => ({ title: metric, log: false });
  return { title, x: axis(x!), y: axis(y!), series, format: short };
}

function frontTable(study: ReadableStudy, front: readonly StoredPoint[]): Block[] {
  const { axes, objectives } = study.definition;
  const varying = axes.filter(({ values }) => values.length > 1);
  const metrics = metricsOf(study, front);
  const [first] = objectives;
  const best = front.toSorted(
    (a, b) => rankOf(b, first!) - rankOf(a, first!), // the best in the first objective first
  );
  const rows = best.slice(0, MAX_ROWS).map(({ point, evaluation }): Cell[] => {
    const design = designOf(axes, point);
    return [
      ...varying.map(({ name }) => textOf(design[name]!)),
      ...metrics.map((name) => short(evaluation.metrics?.[name])),
      textOf(evaluation['limitedBy'] ?? '?'),
    ];
  });
  const note = `The best ${MAX_ROWS} of ${front.length} in the first objective.`;
  return [
    table([[...varying.map(({ name }) => name), ...metrics, 'limited by'], ...rows]),
    ...(front.length > MAX_ROWS ? [paragraph(note)] : []),
  ];
}

function rankOf({ evaluation }: StoredPoint, { metric, want }: StudyObjective): number {
  const value = evaluation.metrics?.[metric] ?? 0;
  return want === 'most' ? value : -value;
}

function referenceBlocks(
  study: ReadableStudy,
  front: readonly StoredPoint[],
  references: readonly StudyReference[],
): Block[] {
  if (references.length === 0) return [];
  const metrics = metricsOf(study, front);
  const rows = references.map(({ name, metrics: of }): Cell[] => [
    name,
    ...metrics.map((metric) => short(of[metric])),
  ]);
  return [heading('Real chips'), table([['chip', ...metrics], ...rows])];
}

/** Operations a byte where the figure begins and ends. */
const INTENSITIES = [1, 10_000] as const;

function roofBlocks(roofs: readonly Roof[]): Block[] {
  if (roofs.length === 0) return [];
  const series = roofs.map(({ name, operationsPerSecond, bytesPerSecond }): Series => {
    const ridge = operationsPerSecond / bytesPerSecond;
    const at = (x: number) => ({
      x,
      y: exactly(Math.min(x * bytesPerSecond, operationsPerSecond) / 1e12),
    });
    const places = [INTENSITIES[0], ridge, INTENSITIES[1]].toSorted((a, b) => a - b);
    return { name, points: places.map(at), line: true };
  });
  const plot: Plot = {
    title: 'Roofline: operations a second',
    x: { title: 'operations a byte of memory', log: true },
    y: { title: 'Tops/s', log: true },
    ...{ series, format: short },
  };
  const caption = 'What memory and MACs allow at most.';
  return [
    heading('Rooflines'),
    { kind: 'figure', svg: plotSvg(plot), text: plotText(plot), caption },
  ];
}

const MAX_INPUT = 300;

function askedItems({ definition }: ReadableStudy): string[] {
  const { axes, objectives, inputs } = definition;
  const wants = objectives.map(({ metric, want }) => `${metric} (${want})`).join(', ');
  const cut = (text: string): string =>
    text.length <= MAX_INPUT ? text : `${text.slice(0, MAX_INPUT)}…`;
  return [
    `objectives: ${wants}`,
    ...axes.map(({ name, values }) => cut(`${name}: ${values.map(textOf).join(', ')}`)),
    ...Object.entries(inputs).map(([name, value]) => cut(`${name}: ${textOf(value)}`)),
  ];
}
