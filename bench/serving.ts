/** Predictions beside every measured row of catalogue/anchors/serving.json, none of which sets a number. */
import fs from 'node:fs';
import { loadAccelerator } from '../src/chip/index.ts';
import {
  ranksOf,
  closedArrivals,
  limitOf,
  readStep,
  serveDisaggregated,
  servedModel,
  simulate,
  simulateSplit,
  timesOf,
  trainingStep,
  writeStep,
  type Layout,
  type Pool,
  type ServedModel,
  type TrainingRequest,
} from '../src/cluster/index.ts';
import {
  chipModel,
  countParameters,
  PRECISIONS,
  precisionOn,
  type ChipModel,
} from '../src/cost/index.ts';
import { readCatalogueModel } from '../src/model/index.ts';
import { median, percent, type Table } from './table.ts';

interface AnchorLayout {
  readonly tp: number;
  readonly pp: number;
  readonly dp: number;
  readonly ep: number;
}

interface AnchorPool {
  readonly layout: AnchorLayout;
  readonly replicas: number;
  readonly sequences: number;
}

type Quantity = 'ttftMs' | 'tpotMs' | 'tokensPerSecondPerChip' | 'inputTokensPerSecondPerChip';
type Quantities = Partial<Record<Quantity, number>>;

interface Anchor {
  /** aggregated and disaggregated: a whole service; read, write: prompts or tokens alone. */
  readonly kind: 'aggregated' | 'disaggregated' | 'read' | 'write';
  readonly model: string;
  readonly chip: string;
  readonly precision: string;
  readonly engine: string;
  readonly input: number;
  readonly output: number;
  readonly concurrency: number;
  readonly layout: AnchorLayout;
  readonly batch: number;
  readonly sequences: number;
  readonly overlap?: boolean;
  readonly acceptance?: number;
  readonly read: AnchorPool;
  readonly write: AnchorPool;
  readonly measured: Quantities;
  readonly source: string;
  /** Predicted for the first time after the model was finished, and nothing changed since. */
  readonly unseen?: boolean;
  readonly note?: string;
}

interface Anchors {
  readonly rows: readonly Anchor[];
  readonly notPredicted: readonly { readonly what: string; readonly reason: string }[];
  readonly training: Omit<TrainingRequest, 'model' | 'chip' | 'layout'> & {
    readonly model: string;
    readonly chip: string;
    readonly precision: string;
    readonly layout: AnchorLayout;
    /** Of the day of the run, which is before that of the class. */
    readonly kernels: { readonly matrix: number; readonly tileSeconds: number };
    readonly measured: { readonly chipHours: number };
  };
}

export interface Compared {
  readonly anchor: Anchor;
  readonly quantity: Quantity;
  readonly measured: number;
  readonly predicted: number;
  /** predicted / measured − 1. */
  readonly error: number;
  readonly limitedBy: string;
}

function anchors(): Anchors {
  const file = new URL('../catalogue/anchors/serving.json', import.meta.url);
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Anchors;
}

/** Every measured quantity of every row beside its prediction. */
export function compareAnchors(): Compared[] {
  const models = new Map<string, ServedModel>();
  return anchors().rows.flatMap((anchor) => {
    const model = models.get(anchor.model) ?? servedModel(readCatalogueModel(anchor.model));
    models.set(anchor.model, model);
    const { limitedBy, ...found } = predict(anchor, model);
    return Object.entries(anchor.measured).map(([name, measured]) => {
      const quantity = name as Quantity;
      const predicted = found[quantity]!;
      return { anchor, quantity, measured, predicted, error: predicted / measured - 1, limitedBy };
    });
  });
}

type Prediction = Quantities & { readonly limitedBy: string };

function predict(anchor: Anchor, model: ServedModel): Prediction {
  const chip = chipOf(anchor);
  switch (anchor.kind) {
    case 'aggregated':
      return aggregated(anchor, model, chip);
    case 'disaggregated':
      return disaggregated(anchor, model, chip);
    case 'read':
      return reading(anchor, model, chip);
    case 'write':
      return writing(anchor, model, chip);
  }
}

function chipOf({ chip, precision }: Pick<Anchor, 'chip' | 'precision'>): ChipModel {
  const found = loadAccelerator(chip);
  return chipModel(found, precisionOn(found, PRECISIONS[precision]!));
}

function layoutOf({ tp, pp, dp, ep }: AnchorLayout): Layout {
  return { tensor: tp, pipeline: pp, data: dp, expert: ep };
}

/** What the benchmark does: as one request ends another comes, ten times the concurrency in all. */
function aggregated(anchor: Anchor, model: ServedModel, chip: ChipModel): Prediction {
  const { batch, concurrency, engine } = anchor;
  const replica = { chip, layout: layoutOf(anchor.layout) };
  const schedule = engine.startsWith('sglang') ? 'turns' : 'mixed';
  const arrivals = closedArrivals(anchor, concurrency, 10 * concurrency);
  const served = timesOf(simulate({ model, replica, batch, schedule }, arrivals));
  const { ttft, tpot, tokensPerSecond } = served;
  const chips = ranksOf(replica.layout) / chip.devices;
  const step = writeStep(model, replica, anchor, batch / replica.layout.data);
  return {
    ttftMs: ttft.mean * 1e3,
    tpotMs: tpot.mean * 1e3,
    tokensPerSecondPerChip: tokensPerSecond / chips,
    limitedBy: limitOf(step.parts),
  };
}

function disaggregated(anchor: Anchor, model: ServedModel, chip: ChipModel): Prediction {
  const pool = ({ layout, replicas, sequences }: AnchorPool): Pool => ({
    replica: { chip, layout: layoutOf(layout) },
    ...{ replicas, sequences },
  });
  const pools = { read: pool(anchor.read), write: pool(anchor.write) };
  const arrivals = closedArrivals(anchor, anchor.concurrency, 10 * anchor.concurrency);
  const { ttft, tpot } = timesOf(simulateSplit({ model, ...pools }, arrivals));
  const { step } = serveDisaggregated(model, pools, anchor);
  return { ttftMs: ttft.mean * 1e3, tpotMs: tpot.mean * 1e3, limitedBy: limitOf(step.parts) };
}

function reading(anchor: Anchor, model: ServedModel, chip: ChipModel): Prediction {
  const layout = layoutOf(anchor.layout);
  const replica = { chip, layout, overlap: anchor.overlap ?? false };
  const { seconds, parts } = readStep(model, replica, anchor.input, anchor.sequences);
  const tokens = anchor.input * anchor.sequences * layout.data;
  return {
    inputTokensPerSecondPerChip: ((tokens / seconds) * chip.devices) / ranksOf(layout),
    limitedBy: limitOf(parts),
  };
}

function writing(anchor: Anchor, model: ServedModel, chip: ChipModel): Prediction {
  const { acceptance, sequences } = anchor;
  const layout = layoutOf(anchor.layout);
  const replica = { chip, layout, overlap: anchor.overlap ?? false };
  const speculation = acceptance === undefined ? undefined : { acceptance };
  const { seconds, tokens, parts } = writeStep(model, replica, anchor, sequences, speculation);
  const tpot = seconds / tokens;
  const rate = ((sequences * layout.data) / tpot / ranksOf(layout)) * chip.devices;
  return { tpotMs: tpot * 1e3, tokensPerSecondPerChip: rate, limitedBy: limitOf(parts) };
}

/** The pre-training of DeepSeek-V3 as its report describes it. */
export function compareTraining(): Record<'measured' | 'predicted' | 'exposed' | 'today', number> {
  const { training } = anchors();
  const model = servedModel(readCatalogueModel(training.model));
  const { active } = countParameters(model.decode.graph);
  const today = chipOf(training);
  const request = {
    ...training,
    model,
    chip: withKernels(today, training.kernels),
    layout: layoutOf(training.layout),
  };
  const hours = (pipeline: TrainingRequest['pipeline'], chip = request.chip): number =>
    trainingStep({ ...request, pipeline, chip }, active).chipHours;
  return {
    measured: training.measured.chipHours,
    predicted: hours(training.pipeline),
    exposed: hours('zeroBubble'),
    today: hours(training.pipeline, today),
  };
}

function withKernels(chip: ChipModel, { matrix, tileSeconds }: Anchors['training']['kernels']) {
  const { efficiency } = chip;
  return {
    ...chip,
    efficiency: {
      ...efficiency,
      matrix: { ...efficiency.matrix, value: matrix },
      tileSeconds: { ...efficiency.tileSeconds, value: tileSeconds },
    },
  };
}

export function benchServing(): Table[] {
  const compared = compareAnchors();
  return [comparisonTable(compared), trainingTable(), leftOutTable()];
}

/** Median absolute error of TPOT and throughput. */
export function medianError(compared: readonly Compared[], maker: string): number {
  return medianOf(compared.filter(({ anchor }) => anchor.chip.startsWith(maker)));
}

/** The same of the rows that were added unseen. */
export function unseenError(compared: readonly Compared[]): number {
  return medianOf(compared.filter(({ anchor }) => anchor.unseen === true));
}

function medianOf(compared: readonly Compared[]): number {
  const judged = compared.filter(({ quantity }) => quantity !== 'ttftMs');
  return median(judged.map(({ error }) => Math.abs(error)));
}

function comparisonTable(compared: readonly Compared[]): Table {
  const summary = ['nvidia', 'huawei'].map(
    (maker) => `${maker} ${percent(medianError(compared, maker))}`,
  );
  return {
    title: 'Predicted and measured serving',
    notes: [
      `Median absolute error of TPOT and throughput: ${summary.join(', ')};`,
      `of the rows added unseen ${percent(unseenError(compared))} (decision 20). Efficiencies are those of`,
      'catalogue/efficiency, of single kernels and links; no row of this table sets one. Whole services are',
      'simulated, ten requests for each place, all of the first at once. TTFT holds hosts and hand-overs',
      'too, which are not in the model (docs/performance.md).',
    ],
    columns: [
      'model',
      'chip',
      'engine',
      'setting',
      'quantity',
      'predicted',
      'measured',
      'error',
      'limited by',
      'note',
    ],
    rows: compared.map(({ anchor, quantity, predicted, measured, error, limitedBy }) => [
      ...[anchor.model, anchor.chip, anchor.engine, settingOf(anchor), quantity],
      ...[predicted.toPrecision(4), `${measured}`],
      `${error > 0 ? '+' : ''}${percent(error)}`,
      ...[limitedBy, anchor.note ?? ''],
    ]),
  };
}

function settingOf({ kind, layout, read, write, input, output, sequences, batch }: Anchor): string {
  const name = ({ tp, pp, dp, ep }: AnchorLayout): string => `tp${tp} pp${pp} dp${dp} ep${ep}`;
  if (kind === 'disaggregated')
    return `${input}/${output}, ${name(read.layout)} → ${name(write.layout)} × ${write.replicas}, ${write.sequences} a group`;
  if (kind === 'read') return `read ${input}, ${name(layout)}, ${sequences} a group`;
  if (kind === 'write') return `write ${input}/${output}, ${name(layout)}, ${sequences} a group`;
  return `${input}/${output}, ${name(layout)}, batch ${batch}`;
}

function trainingTable(): Table {
  const { measured, predicted, exposed, today } = compareTraining();
  const row = (what: string, hours: number): string[] => [
    what,
    (hours / 1e6).toFixed(3),
    (measured / 1e6).toFixed(3),
    percent(hours / measured - 1),
  ];
  return {
    title: 'Pre-training of DeepSeek-V3, million H800 hours',
    notes: ['14.8 T tokens, FP8, 2048 chips, 16 stages, experts over 64 ranks [arXiv:2412.19437].'],
    columns: ['schedule', 'predicted', 'measured', 'error'],
    rows: [
      row('DualPipe, as reported, with the products of 2024', predicted),
      row('the same with the products of 2025, those of the class', today),
      row('zero bubble: no exchange hidden', exposed),
    ],
  };
}

function leftOutTable(): Table {
  return {
    title: 'Published, but not predicted',
    notes: ['Rows without a setting that a prediction needs.'],
    columns: ['row', 'why'],
    rows: anchors().notPredicted.map(({ what, reason }) => [what, reason]),
  };
}
