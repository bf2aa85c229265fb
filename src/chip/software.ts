/**
 * What software runs which models on which chips (catalogue/software), which formats matrix units have
 * beyond published rates (catalogue/formats.json), and defects known upstream (catalogue/defects).
 */
import { z } from 'zod';
import type { Accelerator, AcceleratorFormat } from './accelerator.ts';
import { parseFile } from './parseFile.ts';
import {
  SOURCED,
  sourceProblems,
  sourceSchema,
  sourcesSchema,
  text,
  textOrNull,
} from './sourced.ts';

/** native: released; experimental: so called, or patches; missing: said not to be there; unknown: nothing said. */
export const STATUSES = ['native', 'experimental', 'missing', 'unknown'] as const;
export type Status = (typeof STATUSES)[number];

/** Formats of weights that a matrix unit may lack; e8m0 is the scale of a block as an operand of the unit. */
export const UNIT_FORMATS = ['bf16', 'fp16', 'fp8', 'int8', 'int4', 'mxfp4', 'e8m0'] as const;
export type UnitFormat = (typeof UNIT_FORMATS)[number];

const names = z.array(text).min(1);
const row = { ...SOURCED, status: z.enum(STATUSES), version: textOrNull, note: z.string() };

const stackSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: text,
  /** What the facts are about. */
  version: text,
  note: z.string(),
  /** Classes of chips that the software treats alike, with the ids of the catalogue. */
  chips: z.record(text, names),
  /** Families of models, all of them or those of `models`, in some precisions. */
  models: z.array(
    z.strictObject({
      ...row,
      families: names,
      models: names.nullable(),
      chips: names,
      precisions: z.array(text),
    }),
  ),
  /** Operators of the IR, where something is known beyond whole models; `becomes`: what is run in their place. */
  operators: z.array(
    z.strictObject({ ...row, operators: names, chips: names, becomes: textOrNull }),
  ),
  /** Formats of weights; `where` a missing one becomes another: when it is loaded, or in the kernel and kept in memory. */
  formats: z.array(
    z.strictObject({
      ...row,
      format: z.enum(UNIT_FORMATS),
      chips: names,
      becomes: textOrNull,
      where: z.enum(['load', 'kernel']).nullable(),
    }),
  ),
  sources: sourcesSchema,
});
export type SoftwareStack = z.infer<typeof stackSchema>;

const unitFormatsSchema = z.strictObject({
  about: text,
  rows: z.array(
    z.strictObject({
      ...SOURCED,
      chips: names,
      formats: z.array(z.enum(UNIT_FORMATS)).min(1),
      status: z.enum(STATUSES),
      note: z.string(),
    }),
  ),
  sources: sourcesSchema,
});
export type UnitFormats = z.infer<typeof unitFormatsSchema>;

const defectsSchema = z.strictObject({
  defects: z.array(
    z.strictObject({
      id: text,
      stack: text,
      title: text,
      chips: names,
      families: names,
      models: names.nullable(),
      /** Layouts and precisions in which it shows; all of them when empty. */
      when: z.strictObject({
        tensorParallelFrom: z.int().optional(),
        pipelineParallelFrom: z.int().optional(),
        expertParallelFrom: z.int().optional(),
        precisions: names.optional(),
      }),
      effect: text,
      workaround: textOrNull,
      version: textOrNull,
      state: z.enum(['open', 'closed', 'fixed', 'unknown']),
      severity: z.enum(['wrong or stops', 'less accurate', 'slow']),
      source: sourceSchema.extend({ url: z.url() }),
      confidence: SOURCED.confidence,
    }),
  ),
});
export type Defect = z.infer<typeof defectsSchema>['defects'][number];

/** Adds the rule that every number and row has a source. */
export function withSources<T extends z.ZodType>(schema: T): T {
  return schema.superRefine((file, context) => {
    for (const message of sourceProblems(file)) context.addIssue({ code: 'custom', message });
  });
}

const stackWithSources = withSources(stackSchema).superRefine((stack, context) => {
  for (const part of ['models', 'operators', 'formats'] as const) {
    for (const [i, { chips }] of stack[part].entries()) {
      const unknown = chips.filter((name) => !Object.hasOwn(stack.chips, name));
      if (unknown.length === 0) continue;
      const message = `must be classes of chips of this file, not ${unknown.join(', ')}`;
      context.addIssue({ code: 'custom', path: [part, i, 'chips'], message });
    }
  }
});

/** Validates a file of catalogue/software. Throws ChipError listing every problem. */
export function parseSoftwareStack(value: unknown, where: string): SoftwareStack {
  return parseFile(stackWithSources, value, { what: 'a software stack', where });
}

/** Validates catalogue/formats.json. Throws ChipError listing every problem. */
export function parseUnitFormats(value: unknown, where: string): UnitFormats {
  return parseFile(withSources(unitFormatsSchema), value, { what: 'formats of units', where });
}

/** Validates a file of catalogue/defects. Throws ChipError listing every problem. */
export function parseDefects(value: unknown, where: string): Defect[] {
  return parseFile(withSources(defectsSchema), value, { what: 'defects', where }).defects;
}

/** Whether a chip multiplies a format, and who says so. */
export interface FormatSupport {
  readonly status: Status;
  /** The published rate, or the row of the catalogue; undefined where nothing is said. */
  readonly basis: string | undefined;
  readonly url: string | null;
}

/** A published rate says native; else the catalogue's row decides; else it is unknown. */
export function formatSupport(
  chip: Accelerator,
  format: UnitFormat,
  { rows, sources }: UnitFormats,
): FormatSupport {
  const found = rows.find(
    ({ chips, formats }) => chips.includes(chip.id) && formats.includes(format),
  );
  if (found !== undefined) {
    const { what, url } = sources[found.source]!;
    return {
      status: found.status,
      basis: found.note === '' ? what : `${found.note} (${what})`,
      url,
    };
  }
  const rate =
    format === 'e8m0' ? null : chip.peakOperationsPerSecond[format satisfies AcceleratorFormat];
  if (rate === null) return { status: 'unknown', basis: undefined, url: null };
  const basis = `a published rate of ${Math.round(rate / 1e11) / 10} Tops/s (${chip.confidence.peak})`;
  return { status: 'native', basis, url: chip.sources[0]!.url };
}

/** The class of a chip in a stack; undefined when the stack does not name it. */
export function chipClassIn({ chips }: SoftwareStack, id: string): string | undefined {
  return Object.keys(chips).find((name) => chips[name]!.includes(id));
}
