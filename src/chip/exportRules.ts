/**
 * Export rules as data (catalogue/rules) and the class of a chip under them.
 *
 * Total processing performance and performance density are those of the technical notes to ECCN 3A090,
 * quoted in the rules' file. What is not published leaves a test open: a class is then `unknown`, and
 * says what would settle it.
 */
import { z } from 'zod';
import type { Accelerator, AcceleratorFormat } from './accelerator.ts';
import { parseFile } from './parseFile.ts';

export const MEASURES = {
  totalProcessingPerformance: { name: 'TPP', unit: '' },
  performanceDensity: { name: 'PD', unit: '/mm²' },
  memoryBandwidthGigabytesPerSecond: { name: 'DRAM bandwidth', unit: ' GB/s' },
  memoryBandwidthDensity: { name: 'bandwidth density', unit: ' GB/s/mm²' },
} as const;
export type Measure = keyof typeof MEASURES;

const threshold = z.strictObject({
  measure: z.enum(Object.keys(MEASURES) as [Measure, ...Measure[]]),
  atLeast: z.number().positive().optional(),
  above: z.number().positive().optional(),
  below: z.number().positive().optional(),
});

const ruleSchema = z.strictObject({
  id: z.string().min(1),
  /** chip: controls a chip; memory: controls stacks of memory sold as such; review: how a licence is decided. */
  kind: z.enum(['chip', 'memory', 'review']),
  from: z.iso.date(),
  title: z.string().min(1),
  /** Met when all thresholds of one list are. */
  anyOf: z.array(z.array(threshold).min(1)).min(1),
  citation: z.string().min(1),
  recalled: z.boolean(),
});

const rulesSchema = z.strictObject({
  about: z.string(),
  jurisdiction: z.string(),
  retrieved: z.iso.date(),
  /** No text of a later day was read. */
  knownUntil: z.iso.date(),
  definitions: z.array(
    z.strictObject({
      term: z.string(),
      text: z.string(),
      citation: z.string(),
      recalled: z.boolean(),
    }),
  ),
  rules: z.array(ruleSchema).min(1),
});

export type Threshold = z.infer<typeof threshold>;
export type ExportRule = z.infer<typeof ruleSchema>;
export type ExportRules = z.infer<typeof rulesSchema>;

/** Validates a file of catalogue/rules. Throws ChipError listing every problem. */
export function parseExportRules(value: unknown, where: string): ExportRules {
  return parseFile(rulesSchema, value, { what: 'export rules', where });
}

/** The rules that apply on a day, as `YYYY-MM-DD`. */
export function rulesOn({ rules }: ExportRules, date: string): ExportRule[] {
  return rules.filter(({ from }) => from <= date);
}

/** Bits of an operand. TF32 holds 19; the catalogue's 4-bit rates are those of any 4-bit float. */
const BITS: Readonly<Record<AcceleratorFormat, number>> = {
  fp64: 64,
  fp32: 32,
  tf32: 19,
  bf16: 16,
  fp16: 16,
  fp8: 8,
  hif8: 8,
  mxfp4: 4,
  int8: 8,
  int4: 4,
};

/** Processes from here on, in nanometres, have planar transistors, whose area does not count. */
const LARGEST_NON_PLANAR_NANOMETRES = 16;

export interface Performance {
  /** Tera-operations a second times bits, of the published rates; undefined when there are none. */
  readonly totalProcessingPerformance: number | undefined;
  /** The format that it is the rate of. */
  readonly format: AcceleratorFormat | undefined;
  /** TPP for each mm² of logic on a non-planar process. */
  readonly performanceDensity: number | undefined;
}

/** What of a chip the rules measure. */
export type Rated = Pick<
  Accelerator,
  'peakOperationsPerSecond' | 'dieAreaMm2' | 'process' | 'memory'
>;

export function performanceOf(chip: Omit<Rated, 'memory'>): Performance {
  const rates = Object.entries(chip.peakOperationsPerSecond) as [
    AcceleratorFormat,
    number | null,
  ][];
  const products = rates.flatMap(([format, rate]) =>
    rate === null ? [] : [{ format, tpp: (rate / 1e12) * BITS[format] }],
  );
  const [best] = products.toSorted((a, b) => b.tpp - a.tpp);
  const { dieAreaMm2: area, process } = chip;
  const counts = process.nanometres !== null && process.nanometres <= LARGEST_NON_PLANAR_NANOMETRES;
  return {
    totalProcessingPerformance: best?.tpp,
    format: best?.format,
    performanceDensity: best && area !== null && counts ? best.tpp / area : undefined,
  };
}

/** What the measures come to; undefined where it is not published. */
export type Measured = Readonly<Record<Measure, number | undefined>>;

export function measuresOf(chip: Rated): Measured {
  const { totalProcessingPerformance, performanceDensity } = performanceOf(chip);
  const { bandwidthBytesPerSecond } = chip.memory;
  return {
    totalProcessingPerformance,
    performanceDensity,
    memoryBandwidthGigabytesPerSecond:
      bandwidthBytesPerSecond === null ? undefined : bandwidthBytesPerSecond / 1e9,
    memoryBandwidthDensity: undefined,
  };
}

/** Whether a rule's test is met; undefined when that depends on what is not published. */
export function meets({ anyOf }: ExportRule, measured: Measured): boolean | undefined {
  const all = anyOf.map((tests) => allOf(tests.map((test) => passes(test, measured))));
  if (all.includes(true)) return true;
  return all.includes(undefined) ? undefined : false;
}

function allOf(results: readonly (boolean | undefined)[]): boolean | undefined {
  if (results.includes(false)) return false;
  return results.includes(undefined) ? undefined : true;
}

export function passes(test: Threshold, measured: Measured): boolean | undefined {
  const value = measured[test.measure];
  if (value === undefined) return undefined;
  const { atLeast = -Infinity, above = -Infinity, below = Infinity } = test;
  return value >= atLeast && value > above && value < below;
}

export interface ExportClass {
  /** The id of the first control that is met; `none`; `unknown` when that cannot be told. */
  readonly id: string;
  readonly rule: ExportRule | undefined;
  /** Controls that what is not published leaves open, where no earlier one is met. */
  readonly open: readonly ExportRule[];
  /** How a licence would be decided: `case-by-case`, else `presumption of denial`; only of controlled chips. */
  readonly review: string | undefined;
}

/** The class of a chip under the rules of a day. */
export function exportClassOf(measured: Measured, rules: readonly ExportRule[]): ExportClass {
  const controls = rules.filter(({ kind }) => kind === 'chip');
  const met = controls.findIndex((rule) => meets(rule, measured) === true);
  const before = met < 0 ? controls : controls.slice(0, met);
  const open = before.filter((rule) => meets(rule, measured) === undefined);
  if (open.length > 0) return { id: 'unknown', rule: undefined, open, review: undefined };
  const rule = controls[met];
  return {
    id: rule?.id ?? 'none',
    rule,
    open: [],
    review: rule && reviewOf(measured, rules),
  };
}

function reviewOf(measured: Measured, rules: readonly ExportRule[]): string {
  const reviews = rules.filter(({ kind }) => kind === 'review');
  const results = reviews.map((rule) => ({ id: rule.id, met: meets(rule, measured) }));
  const applies = results.find(({ met }) => met === true);
  if (applies) return applies.id;
  return results.some(({ met }) => met === undefined) ? 'unknown' : 'presumption of denial';
}
