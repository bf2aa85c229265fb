/** The report of `celadon compare`: chips as columns, and the roofline as a figure. */
import {
  formatBytes,
  formatCount,
  heading,
  paragraph,
  table,
  type Block,
  type Cell,
  type Document,
} from '../base/index.ts';
import { performanceOf } from '../chip/index.ts';
import { layoutToString, type Plan, type Workload } from '../cluster/index.ts';
import type { Bound, ComparedChip } from './compare.ts';
import { plotSvg, plotText, type Plot, type Series } from './plot.ts';
import { exactly } from './range.ts';

export function compareDocument(
  model: string,
  workload: Workload,
  chips: readonly ComparedChip[],
): Document {
  const { input, output, concurrency } = workload;
  return {
    title: `${model} on ${chips.map(({ chip }) => chip.name).join(', ')}`,
    blocks: [
      paragraph(
        `${concurrency} requests at once, ${input} tokens in and ${output} out. Predicted: by the performance model in the layout shown; celadon plan searches for better ones. Bounds: of the roofline, per chip, weights once a step, no links, no launches. ? is not published.`,
      ),
      table([
        ['', ...chips.map(({ chip }) => chip.id)],
        ...ROWS.map(({ name, cell }) => [name, ...chips.map(cell)]),
      ]),
      ...figure(chips),
      heading('Provenance'),
      { kind: 'list', items: chips.flatMap(provenance) },
    ],
  };
}

interface Row {
  readonly name: string;
  readonly cell: (compared: ComparedChip) => Cell;
}

function scaled(value: number | null, unit: number, digits = 0): string {
  return value === null ? '?' : (value / unit).toFixed(digits);
}

function rate(bound: Bound | null): string {
  return bound === null ? '?' : `${formatCount(bound.tokensPerSecondPerChip)} (${bound.limitedBy})`;
}

/** Tokens/s over what a chip takes; unknown where either is. */
function per(bound: Bound | null, amount: number | null | undefined): string {
  if (bound === null || amount == null) return '?';
  return (bound.tokensPerSecondPerChip / amount).toPrecision(3);
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A number of the prediction, where there is one. */
function predicted(of: (plan: Plan) => number): Row['cell'] {
  return ({ predicted: plan }) => (typeof plan === 'string' ? '?' : short(of(plan)));
}

const ROWS: readonly Row[] = [
  { name: 'maker, country', cell: ({ chip }) => `${chip.vendor}, ${chip.country}` },
  { name: 'status', cell: ({ chip }) => chip.status },
  {
    name: 'does it run',
    cell: ({ report }) => `${report.verdict}${report.stack === null ? '' : ` (${report.stack})`}`,
  },
  {
    name: 'weights',
    cell: ({ machine, lacking }) => machine?.format ?? lacking ?? '?',
  },
  {
    name: 'chips that hold it',
    cell: ({ report }) =>
      report.memory.fits === true ? `${report.count} (${layoutToString(report.layout)})` : '?',
  },
  {
    name: 'peak used, Tops/s',
    cell: ({ machine, chip }) =>
      machine === null
        ? '?'
        : `${scaled(2 * machine.macsPerSecond, 1e12)} (${chip.confidence.peak})`,
  },
  { name: 'memory, GiB', cell: ({ chip }) => scaled(chip.memory.capacityBytes, 2 ** 30) },
  {
    name: 'memory, GB/s',
    cell: ({ chip }) =>
      `${scaled(chip.memory.bandwidthBytesPerSecond, 1e9)} (${chip.confidence.memory ?? 'unknown'})`,
  },
  {
    name: 'links each way, GB/s',
    cell: ({ chip }) => scaled(chip.interconnect.bandwidthBytesPerSecond, 1e9),
  },
  { name: 'power, W', cell: ({ chip }) => scaled(chip.thermalDesignPowerWatts, 1) },
  { name: 'price, USD', cell: ({ chip }) => scaled(chip.priceUsd?.value ?? null, 1) },
  {
    name: 'TPP',
    cell: ({ chip }) => scaled(performanceOf(chip).totalProcessingPerformance ?? null, 1),
  },
  { name: 'predicted TTFT, ms', cell: predicted((plan) => plan.ttftSeconds * 1e3) },
  { name: 'predicted TPOT, ms', cell: predicted((plan) => plan.tpotSeconds * 1e3) },
  { name: 'predicted tokens/s/chip', cell: predicted((plan) => plan.tokensPerSecondPerChip) },
  {
    name: 'predicted limit',
    cell: ({ predicted: plan }) => (typeof plan === 'string' ? plan : plan.limitedBy),
  },
  { name: 'bound of prompts, tokens/s', cell: ({ prompt }) => rate(prompt) },
  { name: 'bound of decode, tokens/s', cell: ({ decode }) => rate(decode) },
  {
    name: 'bound of decode, tokens/s/W',
    cell: ({ decode, chip }) => per(decode, chip.thermalDesignPowerWatts),
  },
  {
    name: 'bound of decode, tokens/s/kUSD',
    cell: ({ decode, chip }) => per(decode, chip.priceUsd && chip.priceUsd.value / 1000),
  },
];

function provenance({ chip, machine, report }: ComparedChip): Cell[] {
  const text = machine?.provenance.text ?? 'no rate';
  const day = `read ${chip.retrieved}`;
  const each = report.devices === 1 ? 'chip' : 'die';
  const memory = `weights ${formatBytes(report.memory.weightBytes)} a ${each} of ${report.count * report.devices}`;
  return [
    `${chip.id}: ${text}, ${day}; ${memory}`,
    ...chip.sources.map(({ what, url }) => ({ text: `${chip.id}: ${what}`, url })),
  ];
}

/** Operations a byte where the figure begins and ends. */
const INTENSITIES = [1, 10_000] as const;

function figure(chips: readonly ComparedChip[]): Block[] {
  const known = chips.filter(({ machine }) => machine !== null);
  if (known.length === 0) return [];
  const plot: Plot = {
    title: 'Roofline: operations a second a chip may reach',
    x: { title: 'operations a byte of weights and state', log: true },
    y: { title: 'Tops/s', log: true },
    series: known.map(roof),
    format: (value) => (value >= 1 ? formatCount(value) : `${value}`),
  };
  const marked = { ...plot, series: [...plot.series, ...known.flatMap(phases)] };
  const caption = 'Lines: roofs of the chips. Points: prompts and decode of the workload.';
  return [{ kind: 'figure', svg: plotSvg(marked), text: plotText(marked), caption }];
}

function roof({ chip, machine }: ComparedChip): Series {
  const { macsPerSecond, bandwidthBytesPerSecond } = machine!;
  const [from, to] = INTENSITIES;
  const ridge = (2 * macsPerSecond) / bandwidthBytesPerSecond;
  const at = (x: number) => ({
    x,
    y: exactly(Math.min(x * bandwidthBytesPerSecond, 2 * macsPerSecond) / 1e12),
  });
  return { name: chip.name, points: [from, ridge, to].map(at), line: true };
}

function phases({ chip, prompt, decode }: ComparedChip): Series[] {
  const [from, to] = INTENSITIES;
  const point = ({ intensity, operationsPerSecond }: Bound, label: string) => ({
    x: Math.min(Math.max(intensity, from), to),
    y: exactly(operationsPerSecond / 1e12),
    label,
  });
  return [
    {
      name: `${chip.name}, workload`,
      points: [point(prompt!, 'prompts'), point(decode!, 'decode')],
      line: false,
    },
  ];
}
