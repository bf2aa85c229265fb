/**
 * Limits of a study as a file: what designs must not exceed. Numbers hold for each chip of a design, and
 * times for the design. Every key may be absent; none is a default.
 */
import { z } from 'zod';
import { ChipError, listProblems, nearestName } from '../../base/index.ts';
import { schemaProblems } from '../../schema/index.ts';
import {
  isControlledMemory,
  rulesOn,
  type ExportRule,
  type ExportRules,
} from '../../chip/index.ts';
import type { Metrics } from '../evaluate/metrics.ts';
import type { ChipEstimate, ChipEstimates } from './chipEstimates.ts';
import type { Design } from './design.ts';
import { exportExcess } from './exportLimit.ts';

export const COMPARE_LIMITS = 'for example {"areaMm2": 600, "tpp": 4800, "memories": ["LPDDR5X"]}';

const requirement = 'a number above 0';
const most = z.number(requirement).positive(requirement).optional();

/** Numbers that a chip has before it serves, with their units. */
const CHIP_LIMITS = {
  areaMm2: 'mm²',
  reticleMm2: 'mm²',
  tpp: '',
  performanceDensity: '/mm²',
  memoryBandwidthGBs: 'GB/s',
  memoryCapacityGiB: 'GiB',
  chipDollars: 'dollars',
} as const;

/** Numbers that serving decides. */
const SERVED_LIMITS = { powerWatts: 'W', ttftMs: 'ms', tpotMs: 'ms' } as const;

type ChipLimit = keyof typeof CHIP_LIMITS;
type ServedLimit = keyof typeof SERVED_LIMITS;

const limitsSchema = z.strictObject(
  {
    ...(Object.fromEntries(
      [...Object.keys(CHIP_LIMITS), ...Object.keys(SERVED_LIMITS)].map((name) => [name, most]),
    ) as Record<ChipLimit | ServedLimit, typeof most>),
    /** The finest process: a node of catalogue/silicon. */
    node: z.string('a name').optional(),
    /** Ids of catalogue/memories.json. */
    memories: z.array(z.string('a name'), 'a list of names').min(1, 'a list of names').optional(),
    exportClass: z
      .strictObject(
        {
          /** none: no control of chips is met. case-by-case: or that review applies. */
          atMost: z.enum(['none', 'case-by-case'], 'none or case-by-case'),
          /** The day of the rules. */
          on: z.iso.date('a day as 2026-01-31'),
          /** Whether memories that are controlled as such are refused too. */
          memory: z.enum(['any', 'uncontrolled'], 'any or uncontrolled').optional(),
        },
        'an object with atMost and on',
      )
      .optional(),
  },
  'an object',
);

export type LimitsFile = z.infer<typeof limitsSchema>;
export type LimitName = keyof LimitsFile;

const LIMIT_NAMES = Object.keys(limitsSchema.shape) as readonly LimitName[];

/** Validates limits; `where` names the file. Throws ChipError listing every problem. */
export function parseLimits(value: unknown, where: string): LimitsFile {
  const parsed = limitsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const unknown = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [],
  );
  const hints = unknown.map((key) => {
    const near = nearestName(key, LIMIT_NAMES);
    return near === undefined
      ? `limits are ${LIMIT_NAMES.join(', ')}`
      : `${key}: did you mean ${near}?`;
  });
  throw new ChipError(listProblems(schemaProblems(parsed.error, value)), {
    where,
    hint: hints[0] ?? COMPARE_LIMITS,
  });
}

/** A limit that a design does not keep. */
export interface BrokenLimit {
  readonly limit: LimitName;
  /** By how much of the limit it is exceeded, above 0; 1 where there is no more or less. */
  readonly excess: number;
  /** What is required and what is given: `areaMm2 of at most 600 mm², not 731`. */
  readonly text: string;
}

/** What serving decides, where it is known. */
export type Served = Pick<Metrics, ServedLimit>;

/** Limits with the catalogue that they name things of. */
export class Limits {
  readonly file: LimitsFile;
  private readonly estimates: ChipEstimates;
  private readonly rules: readonly ExportRule[];
  private readonly leastNanometres: number;

  /** Throws UsageError for a node or a memory that the catalogue does not have. */
  constructor(file: LimitsFile, estimates: ChipEstimates, rules: ExportRules) {
    this.file = file;
    this.estimates = estimates;
    this.rules = rulesOn(rules, file.exportClass?.on ?? '');
    this.leastNanometres = file.node === undefined ? 0 : estimates.node(file.node).node.nanometres;
    file.memories?.forEach((id) => estimates.memory(id));
  }

  /** By how much a design breaks limits, summed; 0 when it keeps all. Without `served`, those of chips. */
  violation(design: Design, served?: Served): number {
    return this.broken(design, served).reduce((sum, { excess }) => sum + excess, 0);
  }

  /** The limits that a design breaks; of two chips, the one that breaks a limit more. */
  broken(design: Design, served?: Served): BrokenLimit[] {
    const systems = design.prefill ? [design.decode, design.prefill] : [design.decode];
    const ofChips = systems.flatMap(({ chip }) => this.brokenBy(this.estimates.of(chip)));
    const worst = new Map<LimitName, BrokenLimit>();
    for (const each of ofChips) {
      if (each.excess > (worst.get(each.limit)?.excess ?? 0)) worst.set(each.limit, each);
    }
    return [...worst.values(), ...(served ? this.brokenServing(served) : [])];
  }

  private brokenBy(estimate: ChipEstimate): BrokenLimit[] {
    const { areaMm2, tpp, performanceDensity, memoryBandwidthGBs, memoryCapacityGiB } = estimate;
    const values: Record<ChipLimit, number | null> = {
      areaMm2,
      reticleMm2: areaMm2,
      tpp,
      performanceDensity: performanceDensity ?? 0,
      memoryBandwidthGBs,
      memoryCapacityGiB,
      chipDollars: estimate.cost && estimate.cost.dollars.value,
    };
    return [
      ...exceeded(values, this.file, CHIP_LIMITS),
      ...this.brokenNode(estimate),
      ...this.brokenMemory(estimate),
      ...this.brokenExport(estimate),
    ];
  }

  private brokenServing(served: Served): BrokenLimit[] {
    return exceeded(served, this.file, SERVED_LIMITS);
  }

  private brokenNode({ silicon: { silicon } }: ChipEstimate): BrokenLimit[] {
    const { id, nanometres } = silicon.node;
    const excess = this.leastNanometres / nanometres - 1;
    if (excess <= 0) return [];
    return [{ limit: 'node', excess, text: `node of no finer than ${this.file.node}, not ${id}` }];
  }

  private brokenMemory({ memory: { id } }: ChipEstimate): BrokenLimit[] {
    const { memories } = this.file;
    if (memories === undefined || memories.includes(id)) return [];
    const text = `memories of ${memories.join(', ')}, not ${id}`;
    return [{ limit: 'memories', excess: 1, text }];
  }

  private brokenExport(estimate: ChipEstimate): BrokenLimit[] {
    const { exportClass } = this.file;
    if (exportClass === undefined) return [];
    const { atMost, on, memory } = exportClass;
    const excess = exportExcess(estimate, this.rules, atMost);
    const density = estimate.performanceDensity;
    const given = `TPP ${digits(estimate.tpp)}${density === null ? '' : `, ${digits(density)}/mm²`}`;
    const text = `exportClass of at most ${atMost} on ${on}, not ${given}`;
    const chip: BrokenLimit[] = excess > 0 ? [{ limit: 'exportClass', excess, text }] : [];
    if (memory !== 'uncontrolled' || isControlledMemory(estimate.memory, this.rules) !== true)
      return chip;
    const controlled = `exportClass of uncontrolled memory on ${on}, not ${estimate.memory.id}`;
    return [...chip, { limit: 'exportClass', excess: 1, text: controlled }];
  }
}

/** What is not known cannot be shown to keep a limit, and breaks it. */
function exceeded<K extends ChipLimit | ServedLimit>(
  values: Readonly<Record<K, number | null>>,
  file: LimitsFile,
  units: Readonly<Record<K, string>>,
): BrokenLimit[] {
  return (Object.keys(units) as K[]).flatMap((limit) => {
    const [most, value] = [file[limit] as number | undefined, values[limit]];
    if (most === undefined || (value !== null && value <= most)) return [];
    const excess = value === null ? 1 : value / most - 1;
    const given = value === null ? 'what is not known' : digits(value);
    return [{ limit, excess, text: `${limit} of at most ${most} ${units[limit]}, not ${given}` }];
  });
}

function digits(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}
