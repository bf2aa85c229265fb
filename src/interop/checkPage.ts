/** The pages of `celadon check`: one for a model on a chip, and the matrix of many. */
import {
  formatBytes,
  formatCount,
  heading,
  paragraph,
  table,
  type Block,
  type Cell,
  type Document,
  type Tone,
} from '../base/index.ts';
import { layoutToString } from '../cluster/index.ts';
import { VERDICTS, type CheckReport, type Verdict } from './check.ts';
import type { Finding, FindingStatus } from './finding.ts';
import { STEP_TOKENS } from './memory.ts';
import { PUBLISHED } from './precision.ts';

const TONES: Readonly<Record<Verdict, Tone>> = {
  runs: 'good',
  'runs with fallbacks': 'fair',
  experimental: 'fair',
  unknown: 'open',
  'does not fit': 'bad',
  unsupported: 'bad',
};

const STATUS_TONES: Readonly<Record<FindingStatus, Tone>> = {
  native: 'good',
  experimental: 'fair',
  fallback: 'fair',
  missing: 'bad',
  unknown: 'open',
  noted: 'open',
};

const TITLES: readonly (readonly [Finding['about'], string])[] = [
  ['model', 'Software'],
  ['operator', 'Operators'],
  ['format', 'Formats'],
  ['layout', 'Layout'],
  ['defect', 'Known defects'],
];

/** What is known of one model on one chip. */
export function checkDocument(report: CheckReport): Document {
  const { findings, model, chip } = report;
  const sections = TITLES.flatMap(([about, title]) => {
    const found = findings.filter((finding) => finding.about === about);
    return found.length === 0 ? [] : [heading(title), findingTable(found)];
  });
  return {
    title: `${model} on ${chip}`,
    blocks: [paragraph(summary(report)), ...sections, ...memorySection(report)],
  };
}

/** The verdict in a sentence. */
export function summary(report: CheckReport): string {
  const { verdict, stack, precision, otherStacks } = report;
  const by = stack === null ? '' : ` by ${stack}`;
  const others = otherStacks.map((other) => `${other.stack}: ${other.verdict}`).join('; ');
  const rest = others === '' ? '' : ` (${others})`;
  return `${verdict}${by}, ${precision}, ${placeText(report)}${rest}`;
}

/** Chips and layout; of dies where a chip is several devices. */
function placeText({ count, devices, layout }: CheckReport): string {
  const dies = devices === 1 ? '' : ` of ${count * devices} dies`;
  return `${count} chip${count === 1 ? '' : 's'} (${layoutToString(layout)}${dies})`;
}

function findingTable(findings: readonly Finding[]): Block {
  const rows = findings.map(({ subject, status, text, basis, url }): Cell[] => [
    subject,
    { text: status, url: null, tone: STATUS_TONES[status] },
    text,
    { text: basis, url },
  ]);
  return table([['what', 'status', 'finding', 'source'], ...rows]);
}

function memorySection(report: CheckReport): Block[] {
  const { memory, batch, contextTokens } = report;
  const { capacityBytes, usableBytes } = memory;
  const rows: Cell[][] = [
    [`memory of the fullest ${report.devices === 1 ? 'chip' : 'die'}`, 'bytes'],
    ...(report.storedBytes === null
      ? []
      : [['tensors of the checkpoint, all', formatBytes(report.storedBytes)]]),
    ['weights', formatBytes(memory.weightBytes)],
    [
      `state of ${batch} sequence${batch === 1 ? '' : 's'} of ${contextTokens} tokens`,
      formatBytes(memory.stateBytes),
    ],
    [`buffers of a step of ${STEP_TOKENS} tokens`, formatBytes(memory.bufferBytes)],
    ['together', formatBytes(memory.totalBytes)],
    [
      capacityBytes === null
        ? 'usable, of what is not published'
        : `usable of ${formatBytes(capacityBytes)}`,
      usableBytes === null ? 'unknown' : formatBytes(usableBytes),
    ],
  ];
  return [heading('Memory'), table(rows), paragraph(fitText(report)), ...alternativeTable(report)];
}

/** Whether it fits, and the setting to change. */
export function fitText(report: CheckReport): string {
  const { memory, settings } = report;
  if (memory.usableBytes === null || settings === null)
    return 'Whether it fits is unknown: the memory of the chip is not published.';
  const where = placeText(report);
  if (memory.fits === true)
    return `It fits on ${where}; with this batch up to ${settings.contextTokens} tokens of context, with this context up to ${formatCount(settings.batch)} sequences.`;
  const over = formatBytes(memory.totalBytes - memory.usableBytes);
  return `It does not fit on ${where}: ${over} too much a ${report.devices === 1 ? 'chip' : 'die'}. What fits: ${whatFits(report).join('; ') || 'nothing that was tried'}.`;
}

/** Settings, precisions and numbers of chips that hold the model where these do not. */
function whatFits({
  settings,
  batch,
  contextTokens,
  count,
  precision,
  alternatives,
}: CheckReport): string[] {
  const { contextTokens: context = 0, batch: sequences = 0 } = settings ?? {};
  const others = alternatives.filter((each) => each.count !== null && each.precision !== precision);
  const here = others.filter((each) => each.count! <= count).map((each) => each.precision);
  const more = alternatives.find((each) => each.precision === precision)?.count;
  return [
    ...(context > 0 ? [`--context ${context} instead of ${contextTokens}`] : []),
    ...(sequences > 0 ? [`--batch ${sequences} instead of ${batch}`] : []),
    ...(here.length > 0 ? [`--precision ${here.join(' or ')} on these ${count}`] : []),
    ...(more == null || more <= count ? [] : [`${precision} on ${more} chips`]),
  ];
}

function alternativeTable({ alternatives, precision: asked, devices }: CheckReport): Block[] {
  if (alternatives.length === 0) return [];
  const rows = alternatives.map(({ precision, count, weightBytes }): Cell[] => [
    precision === asked ? `${precision} (asked for)` : precision,
    count === null ? 'none up to 1024, or unknown' : `${count}`,
    weightBytes === null ? 'unknown' : formatBytes(weightBytes),
  ]);
  return [
    table([
      ['precision', 'fewest chips that hold it', `weights a ${devices === 1 ? 'chip' : 'die'}`],
      ...rows,
    ]),
  ];
}

/** One model on many chips. */
export function overviewDocument(model: string, reports: readonly CheckReport[]): Document {
  const rows = reports.map((report): Cell[] => {
    const { chip, verdict, stack, memory, count, layout } = report;
    const where =
      memory.fits === true ? [`${count}`, layoutToString(layout)] : ['?', fitText(report)];
    return [chip, { text: verdict, url: null, tone: TONES[verdict] }, stack ?? '', ...where];
  });
  return {
    title: `${model} on ${reports.length} chips`,
    blocks: [table([['chip', 'verdict', 'stack', 'chips', 'layout'], ...rows])],
  };
}

/** All models × all chips; `pageOf` gives the address of a pair's page. */
export function matrixDocument(
  reports: readonly CheckReport[],
  pageOf: (report: CheckReport) => string | null,
): Document {
  const chips = [...new Set(reports.map(({ chip }) => chip))];
  const byModel = Map.groupBy(reports, ({ model }) => model);
  const rows = [...byModel].map(([model, found]): Cell[] => [
    model,
    ...chips.map((chip) => {
      const report = found.find((each) => each.chip === chip)!;
      return { text: cellOf(report), url: pageOf(report), tone: TONES[report.verdict] };
    }),
  ]);
  return {
    title: `What runs where: ${byModel.size} models on ${chips.length} chips`,
    blocks: [
      paragraph(
        `A cell: the best verdict of the stacks that name the chip, and the fewest chips that hold the ${PUBLISHED} (in the format that it becomes there). ${VERDICTS.join(', ')}. Unknown: nothing was found, which is not a no.`,
      ),
      table([['model', ...chips], ...rows]),
    ],
  };
}

function cellOf({ verdict, count, memory }: CheckReport): string {
  return memory.fits === true ? `${verdict}, ${count}` : verdict;
}
