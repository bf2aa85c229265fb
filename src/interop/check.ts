/** What a model would need of a chip and its software, and whether both give it: before a weight is read. */
import {
  chipClassIn,
  type Accelerator,
  type Defect,
  type SoftwareStack,
  type UnitFormats,
} from '../chip/index.ts';
import { ranksOf, type Layout } from '../cluster/index.ts';
import type { ModelFacts } from './facts.ts';
import type { Finding, FindingStatus } from './finding.ts';
import { defectFindings } from './defects.ts';
import { modelFindings, operatorFindings, precisionsOf } from './findings.ts';
import { formatOutcome, type FormatOutcome } from './formatOutcome.ts';
import { layoutFindings, usualLayout } from './layout.ts';
import {
  memoryUse,
  settingsThatFit,
  smallestFit,
  USABLE_SHARE,
  type Demand,
  type MemoryUse,
  type Room,
} from './memory.ts';
import { PUBLISHED, type Formats, type PrecisionName } from './precision.ts';

/** What the catalogue knows beside chips. */
export interface Knowledge {
  readonly stacks: readonly SoftwareStack[];
  readonly units: UnitFormats;
  readonly defects: readonly Defect[];
}

export interface CheckRequest extends Demand {
  readonly precision: PrecisionName;
  /** The usual layout of `count` chips when absent; of as many as are enough when that is absent too. */
  readonly layout?: Layout | undefined;
  readonly count?: number | undefined;
  /** The stack with the best answer when absent. */
  readonly stack?: SoftwareStack | undefined;
}

export const VERDICTS = [
  'runs',
  'runs with fallbacks',
  'experimental',
  'unknown',
  'does not fit',
  'unsupported',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Exit code of a verdict. */
export function exitCodeOf(verdict: Verdict): 0 | 3 | 4 {
  if (verdict === 'unsupported') return 3;
  return verdict === 'does not fit' ? 4 : 0;
}

/** Another precision, on the fewest chips that hold it. */
export interface Alternative {
  readonly precision: PrecisionName;
  readonly count: number | null;
  readonly weightBytes: number | null;
}

export interface CheckReport extends Demand {
  readonly model: string;
  readonly family: string;
  readonly chip: string;
  readonly stack: string | null;
  readonly precision: PrecisionName;
  /** Of weights in memory, and what they are multiplied in; null on chips of ours, which use blocks. */
  readonly formats: Formats;
  readonly computes: FormatOutcome['computes'] | null;
  readonly verdict: Verdict;
  /** Chips. */
  readonly count: number;
  /** Devices of a chip; layout and memory are of these. */
  readonly devices: number;
  readonly layout: Layout;
  readonly memory: MemoryUse & {
    /** null: not published. */
    readonly capacityBytes: number | null;
    readonly usableBytes: number | null;
    readonly fits: boolean | null;
  };
  /** With these chips and this layout, the largest context of the batch and the largest batch of the context; 0: none. */
  readonly settings: { readonly contextTokens: number; readonly batch: number } | null;
  readonly alternatives: readonly Alternative[];
  /** Bytes of the tensors of a checkpoint; null where only the configuration is known. */
  readonly storedBytes: number | null;
  readonly findings: readonly Finding[];
  readonly otherStacks: readonly { readonly stack: string; readonly verdict: Verdict }[];
}

/** Chips of a domain where it is not published: those of a usual server. */
const SERVER_CHIPS = 8;

/** The answer for one chip, by the stack asked for or the one with the best answer. */
export function checkModel(
  facts: ModelFacts,
  chip: Accelerator,
  request: CheckRequest,
  knowledge: Knowledge,
): CheckReport {
  const stacks = knowledge.stacks.filter((stack) => chipClassIn(stack, chip.id) !== undefined);
  const asked = request.stack === undefined ? stacks : [request.stack];
  const reports = (asked.length === 0 ? [undefined] : asked).map((stack) =>
    checkStack(facts, chip, stack, request, knowledge),
  );
  const [best, ...others] = reports.toSorted(
    (a, b) =>
      rankOf(a.verdict) - rankOf(b.verdict) ||
      notListed(a) - notListed(b) ||
      a.memory.weightBytes * a.count - b.memory.weightBytes * b.count,
  );
  const otherStacks = others.map(({ stack, verdict }) => ({ stack: stack!, verdict }));
  return { ...best!, otherStacks };
}

/** Whether the stack runs the model, but not in this precision. */
function notListed({ findings }: CheckReport): number {
  const rows = findings.filter(({ about }) => about === 'model');
  return rows.every(({ status }) => status === 'fallback' || status === 'unknown') ? 1 : 0;
}

function rankOf(verdict: Verdict): number {
  return VERDICTS.indexOf(verdict);
}

function checkStack(
  facts: ModelFacts,
  chip: Accelerator,
  stack: SoftwareStack | undefined,
  request: CheckRequest,
  knowledge: Knowledge,
): CheckReport {
  const { precision } = request;
  const chipClass = stack && chipClassIn(stack, chip.id);
  const { formats, computes, findings } = formatOutcome(
    facts,
    precision,
    chip,
    knowledge.units,
    stack,
  );
  const place = placeOf(facts, formats, chip, request);
  const software =
    stack === undefined || chipClass === undefined
      ? [unnamed(chip, stack)]
      : [
          ...modelFindings(facts, stack, chipClass, precision),
          ...operatorFindings(facts, stack, chipClass),
        ];
  const all = [
    ...software,
    ...findings,
    ...layoutFindings(facts, place.layout, formats.experts === 'fp8'),
    ...defectFindings(facts, chip.id, knowledge.defects, {
      layout: place.layout,
      precision,
      stack: stack?.id,
    }),
  ];
  return {
    ...request,
    model: facts.name,
    family: facts.family,
    chip: chip.id,
    stack: stack?.id ?? null,
    formats,
    computes,
    verdict: verdictOf(all, place.memory.fits),
    ...place,
    alternatives: alternativesOf(facts, chip, stack, request, knowledge),
    storedBytes: facts.storedBytes,
    findings: all,
    otherStacks: [],
  };
}

function unnamed(chip: Accelerator, stack: SoftwareStack | undefined): Finding {
  const text =
    stack === undefined
      ? `no stack in the catalogue names ${chip.id}`
      : `${stack.name} does not name ${chip.id}`;
  return {
    about: 'model',
    subject: 'software',
    status: stack === undefined ? 'unknown' : 'missing',
    text,
    basis: 'catalogue/software',
    url: null,
  };
}

/** What may be used of a device's memory, and how many share a domain; undefined when not published. */
function roomOf(chip: Accelerator): Room | undefined {
  const capacityBytes = capacityOf(chip);
  if (capacityBytes === null) return undefined;
  const usableBytes = Math.floor(capacityBytes * USABLE_SHARE);
  return { usableBytes, devices: devicesOf(chip), domain: domainOf(chip) };
}

function devicesOf({ devices }: Accelerator): number {
  return devices ?? 1;
}

function domainOf(chip: Accelerator): number {
  return devicesOf(chip) * (chip.interconnect.scaleUpChips ?? SERVER_CHIPS);
}

/** Memory of one device. */
function capacityOf(chip: Accelerator): number | null {
  const { capacityBytes } = chip.memory;
  return capacityBytes === null ? null : capacityBytes / devicesOf(chip);
}

/** Where the model is placed, and what that takes. */
function placeOf(facts: ModelFacts, formats: Formats, chip: Accelerator, request: CheckRequest) {
  const room = roomOf(chip);
  const layout = layoutOf(facts, formats, request, chip);
  const used = memoryUse(facts, formats, layout, request);
  const usableBytes = room?.usableBytes ?? null;
  const fits = usableBytes === null ? null : used.totalBytes <= usableBytes;
  return {
    count: Math.ceil(ranksOf(layout) / devicesOf(chip)),
    devices: devicesOf(chip),
    layout,
    memory: { ...used, capacityBytes: capacityOf(chip), usableBytes, fits },
    settings: room ? settingsThatFit(facts, formats, layout, request, room.usableBytes) : null,
  };
}

function layoutOf(
  facts: ModelFacts,
  formats: Formats,
  request: CheckRequest,
  chip: Accelerator,
): Layout {
  if (request.layout !== undefined) return request.layout;
  const room = roomOf(chip);
  const found =
    room && request.count === undefined ? smallestFit(facts, formats, request, room) : undefined;
  const ranks = (request.count ?? 1) * devicesOf(chip);
  return found?.layout ?? usualLayout(facts, ranks, domainOf(chip));
}

/** What the findings come to. */
function verdictOf(findings: readonly Finding[], fits: boolean | null): Verdict {
  const has = (status: FindingStatus, ...about: readonly Finding['about'][]): boolean =>
    findings.some((finding) => finding.status === status && about.includes(finding.about));
  const models = findings.filter(({ about }) => about === 'model');
  const anyModel = (...statuses: readonly FindingStatus[]): boolean =>
    models.some(({ status }) => statuses.includes(status));
  const runsSomehow = anyModel('native', 'fallback', 'experimental');
  if (has('missing', 'operator', 'layout') || (anyModel('missing') && !runsSomehow))
    return 'unsupported';
  if (fits === false) return 'does not fit';
  // A stack that runs the model in this precision answers for the units too.
  if (!runsSomehow || (has('unknown', 'format') && !anyModel('native', 'experimental')))
    return 'unknown';
  if (!anyModel('native', 'fallback') || has('experimental', 'operator', 'defect'))
    return 'experimental';
  return has('fallback', 'format', 'layout') || !anyModel('native')
    ? 'runs with fallbacks'
    : 'runs';
}

/** Precisions that are proposed where no stack names any. */
const USUAL_PRECISIONS: readonly PrecisionName[] = [PUBLISHED, 'bf16', 'w8a8', 'w4a8'];

/** The precisions that the stack names for the model, each on as few chips as hold it. */
function alternativesOf(
  facts: ModelFacts,
  chip: Accelerator,
  stack: SoftwareStack | undefined,
  request: CheckRequest,
  { units }: Knowledge,
): Alternative[] {
  const room = roomOf(chip);
  const named = stack === undefined ? [] : precisionsOf(facts, stack, chipClassIn(stack, chip.id));
  const proposed = new Set<PrecisionName>([
    PUBLISHED,
    request.precision,
    ...(named.length > 0 ? named : USUAL_PRECISIONS),
  ]);
  return [...proposed].map((precision) => {
    const { formats } = formatOutcome(facts, precision, chip, units, stack);
    const fit = room && smallestFit(facts, formats, request, room);
    return {
      precision,
      count: fit?.count ?? null,
      weightBytes: fit?.memory.weightBytes ?? null,
    };
  });
}
