/** The report of `celadon parity`. */
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
import type { Assumptions } from '../chip/index.ts';
import type { Answer } from './openQuestions.ts';
import { SCALES, TASKS, type Parity, type Scale, type Task } from './parity.ts';
import { plotSvg, plotText, type Plot } from './plot.ts';
import { rangeText, type Range } from './range.ts';

const SCALE_NAMES: Readonly<Record<Scale, string>> = {
  perChip: 'per chip',
  perSystem: 'per system',
  perWatt: 'per watt',
};

export function parityDocument(
  parity: Parity,
  answers: readonly Answer[],
  assumptions: Assumptions,
): Document {
  const { workload } = parity;
  return {
    title: 'Domestic roadmaps against NVIDIA’s',
    blocks: [
      paragraph(
        `Tokens/s of training (6 operations a parameter and token) and of decode (8-bit weights, ${workload.batch} sequences of ${workload.contextTokens} tokens on each chip) of ${workload.model}: ${formatCount(workload.totalParameters)} parameters, ${formatCount(workload.activeParameters)} active, ${formatBytes(workload.stateBytesPerToken)} of state a token. Ranges are low–high; ? is not published.`,
      ),
      heading('NVIDIA over the best domestic product that is out by the year'),
      ratioTable(parity),
      paragraph(
        'Below 1 the domestic one does more. A system is one scale-up domain, of 72 to 15,488 chips: a lead per system is one of size, paid in power.',
      ),
      ...TASKS.flatMap((task) => figure(parity, task)),
      heading('When'),
      arrivalTable(parity),
      heading('Products'),
      productTable(parity),
      paragraph(`In no ranking, as no rate is published: ${parity.unranked.join(', ') || 'none'}.`),
      heading('Assumptions'),
      assumptionTable(assumptions),
      ...answers.flatMap(answerBlocks),
    ],
  };
}

function short(value: number): string {
  if (value >= 1000 || (value !== 0 && value < 0.01)) return formatCount(value);
  return `${Number(value.toPrecision(2))}`;
}

const cellOf = (range: Range | null): string => (range === null ? '?' : rangeText(range, short));

function ratioTable({ cells }: Parity): Block {
  const years = [...new Set(cells.map(({ year }) => year))];
  const rows = TASKS.flatMap((task) =>
    SCALES.map((scale): Cell[] => [
      task,
      SCALE_NAMES[scale],
      ...years.map((year) => {
        const found = cells.find(
          (each) => each.year === year && each.task === task && each.scale === scale,
        )!;
        const who = `${found.nvidia ?? '?'} / ${found.domestic ?? '?'}`;
        return `${cellOf(found.ratio)}: ${who}`;
      }),
    ]),
  );
  return table([['task', 'scale', ...years.map(String)], ...rows]);
}

function arrivalTable({ arrivals }: Parity): Block {
  const year = (value: number | null): string =>
    value === null ? 'not on the roadmaps' : `${value}`;
  const rows = arrivals.map(({ task, scale, possible, likely, certain }): Cell[] => [
    task,
    SCALE_NAMES[scale],
    ...[possible, likely, certain].map(year),
  ]);
  return table([['task', 'scale', 'possible from', 'likely from', 'certain from'], ...rows]);
}

function productTable({ outlooks }: Parity): Block {
  const petas = (range: Range | null): string =>
    range === null ? '?' : rangeText(range, (value) => short(value / 1e15));
  const rows = outlooks.map(({ maker, product, source, rates, training, inference }): Cell[] => [
    `${product.year}${product.quarter === null ? '' : ` ${product.quarter}`}`,
    `${maker} ${product.name}`,
    product.status,
    petas(rates.bf16),
    petas(rates.fp8),
    petas(rates.fp4),
    product.systemChips === null ? '?' : `${product.systemChips} (${product.systemName})`,
    ...SCALES.map((scale) => cellOf(training[scale])),
    ...SCALES.map((scale) => cellOf(inference[scale])),
    { text: `${source.what} (${product.confidence})`, url: source.url },
  ]);
  const scales = (task: Task): string[] => SCALES.map((scale) => `${task} ${SCALE_NAMES[scale]}`);
  return table([
    [
      'year',
      'product',
      'status',
      'BF16 PF',
      'FP8 PF',
      'FP4 PF',
      'system',
      ...scales('training'),
      ...scales('inference'),
      'source',
    ],
    ...rows,
  ]);
}

function assumptionTable({ rows, sources }: Assumptions): Block {
  return table([
    ['assumption', 'range', 'unit', 'note', 'source'],
    ...rows.map(({ name, unit, note, source, confidence, ...range }): Cell[] => [
      name,
      rangeText(range, short),
      unit,
      note,
      { text: `${sources[source]!.what} (${confidence})`, url: sources[source]!.url },
    ]),
  ]);
}

function figure({ outlooks }: Parity, task: Task): Block[] {
  const points = (domestic: boolean) =>
    outlooks
      .filter((each) => (each.country === 'CN') === domestic && each[task].perChip !== null)
      .map(({ product, [task]: scales }) => ({
        x: product.year,
        y: scales.perChip!,
        label: product.name,
      }));
  const plot: Plot = {
    title: `${task}: tokens/s of a chip`,
    x: { title: 'year', log: false },
    y: { title: 'tokens/s', log: true },
    series: [
      { name: 'NVIDIA', points: points(false), line: false },
      { name: 'domestic', points: points(true), line: false },
    ],
    format: short,
  };
  return [
    {
      kind: 'figure',
      svg: plotSvg({ ...plot, format: tick }),
      text: plotText({ ...plot, format: tick }),
      caption: `${plot.title}; a bar is the range.`,
    },
  ];
}

/** Years as they are, other numbers short. */
function tick(value: number): string {
  return value >= 1990 && value < 2100 ? `${Math.round(value)}` : short(value);
}

function answerBlocks({ question, answer, evidence }: Answer): Block[] {
  return [
    heading(question),
    paragraph(answer),
    {
      kind: 'list',
      items: evidence.map(({ text, confidence, source }) => ({
        text: `${text} (${confidence}; ${source.what}${source.day === null ? '' : `, ${source.day}`})`,
        url: source.url,
      })),
    },
  ];
}
