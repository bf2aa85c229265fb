/** What `celadon explore` found: as the JSON that is its contract, and as a table. */
import type {
  Design,
  Explored,
  FrontDesign,
  Nearest,
  Pair,
  Reference,
  System,
} from '../explore/index.ts';
import type { CodesignReport } from './exploreVariants.ts';
import { formatTable } from './table.ts';

/** Rows of the table; the whole front is in the JSON and in the files. */
const SHOWN = 20;

export function frontResult({
  definition,
  result,
  front,
  nearest,
  misfits,
  seconds,
}: Explored): object {
  const { evaluations, overLimits, bounded, proven } = result;
  return {
    models: (definition.inputs['models'] as unknown as readonly { name: string }[]).map(
      ({ name }) => name,
    ),
    workload: definition.inputs['workload'],
    limits: definition.inputs['limits'],
    objectives: definition.objectives,
    ...{ evaluations, overLimits, bounded, proven, seconds },
    front: front.map(rowOf),
    misfits,
    nearest: nearest === undefined ? null : nearestResult(nearest),
  };
}

function nearestResult(nearest: Nearest): object {
  const { broken, toBlame, relaxations, proven } = nearest;
  return { ...rowOf(nearest), broken, toBlame, relaxations, proven };
}

/** The report of pairs as its JSON. */
export function codesignResult({ front, best, rejected, formats }: CodesignReport): object {
  const pair = (each: Pair): object => ({ variant: each.variant, ...rowOf(each) });
  return {
    front: front.map(pair),
    best: best.map(({ metric, pair: found, today }) => ({
      metric,
      pair: pair(found),
      today: today === undefined ? null : pair(today),
    })),
    ...{ rejected, formats },
  };
}

function rowOf({ design, evaluation }: FrontDesign): object {
  const { metrics, limitedBy, batch } = evaluation;
  return { ...systemsOf(design), metrics, limitedBy, batch };
}

function systemsOf({ decode, prefill }: Design): object {
  return {
    chip: decode.chip,
    system: layoutOf(decode),
    ...(prefill && { prefill: { chip: prefill.chip, system: layoutOf(prefill) } }),
  };
}

function layoutOf({ chips, tensor, pipeline, expert, linkBytesPerSecond }: System): object {
  return { chips, tensor, pipeline, expert, linkBytesPerSecond };
}

const COLUMNS = {
  tokensPerSecond: 'tokens/s/chip',
  tokensPerSecondPerWatt: '/W',
  tokensPerSecondPerMm2: '/mm²',
  ttftMs: 'TTFT ms',
  tpotMs: 'TPOT ms',
  areaMm2: 'mm²',
  powerWatts: 'W',
  tpp: 'TPP',
  memoryBandwidthGBs: 'GB/s',
} as const;

/** The front, and real chips below it. */
export function frontTable({ front }: Explored, references: readonly Reference[]): string {
  const heading = ['chip', 'chips', 'batch', ...Object.values(COLUMNS), 'limited by'];
  const rows = front
    .slice(0, SHOWN)
    .map(({ design: { decode, prefill }, evaluation }) => [
      prefill === undefined ? decode.chip.name : `${decode.chip.name} + ${prefill.chip.name}`,
      prefill === undefined ? `${decode.chips}` : `${decode.chips} + ${prefill.chips}`,
      `${evaluation['batch']}`,
      ...cellsOf(evaluation.metrics),
      `${evaluation['limitedBy']}`,
    ]);
  const real = references.map(({ name, chips, metrics, lacking }) => [
    name,
    `${chips ?? '-'}`,
    '',
    ...cellsOf(metrics),
    lacking ?? 'a chip that exists',
  ]);
  const more = front.length > SHOWN ? `\n… and ${front.length - SHOWN} more (--json)` : '';
  return `${formatTable([heading, ...rows, ...real])}${more}`;
}

function cellsOf(metrics: Readonly<Record<string, number | null>> | undefined): string[] {
  return Object.keys(COLUMNS).map((name) => numberText(metrics?.[name]));
}

/** Ways to give in that are told; all are in the JSON. */
const WAYS = 4;

/** Why there is no front: what designs lack, which limits they break, and the one that is nearest. */
export function nothingText({ nearest, misfits }: Explored): string {
  const reasons = misfits.slice(0, 3).map(({ reason, count }) => `  ${count} designs: ${reason}`);
  if (reasons.length > 0) reasons.unshift('no design within the limits can serve:');
  return [...reasons, ...(nearest === undefined ? [] : nearestLines(nearest))].join('\n');
}

function nearestLines({ design, broken, toBlame, relaxations, proven }: Nearest): string[] {
  const { name } = design.decode.chip;
  if (broken.length === 0)
    return [`${name} keeps all limits, but the search did not come to it: raise --evaluations`];
  const whole = proven ? 'no design' : 'no design found';
  const ways = relaxations.slice(0, WAYS).map((widen) => `  ${widen.map(wider).join(' and ')}`);
  return [
    `${whole} keeps the limits; the nearest, ${name}, breaks:`,
    ...broken.map(({ text, excess }) => `  ${text} (${percent(excess)} over)`),
    toBlame.length > 0
      ? `every way to keep the others widens ${toBlame.join(' and ')}; the least ways:`
      : 'the limits are too tight together; the least ways to widen them:',
    ...ways,
  ];
}

function wider({ limit, excess }: { readonly limit: string; readonly excess: number }): string {
  return `${limit} by ${percent(excess)}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** Three digits; `-` where nothing is known. */
function numberText(value: number | null | undefined): string {
  if (value == null) return '-';
  return value >= 1000 ? Math.round(value).toLocaleString('en') : `${Number(value.toPrecision(3))}`;
}
