/**
 * Chip: the description of an accelerator of the Jade template. Pure data, no behaviour; one JSON file
 * in `catalogue/chips/` each. Simulator, compiler, cost model and (later) RTL read the same file.
 */
import { z } from 'zod';
import { ChipError, integer, listProblems, schemaProblems } from '../base/index.ts';

/** What to do about a description that is wrong. */
export const COMPARE_HINT = 'compare with catalogue/chips/jade-edge.json';

function powerOfTwo(least: number, most: number) {
  const requirement = `a power of two from ${least} to ${most}`;
  const bounds = z.int(requirement).min(least, requirement).max(most, requirement);
  return bounds.refine((n) => Number.isInteger(Math.log2(n)), requirement);
}

function oneOf<T extends string>(...names: readonly T[]) {
  return z.enum(names, `one of ${names.join(', ')}`);
}

const NAME = 'a text of 1 to 64 characters';
const text = z.string('a text');
const part = 'an object';

export const chipSchema = z.strictObject(
  {
    name: z.string(NAME).min(1, NAME).max(64, NAME),
    summary: text,
    template: z.literal('jade', '"jade"'),
    clockHz: integer(1, 10e9),
    cores: integer(1, 1024),
    matrix: z.strictObject(
      {
        /** Multipliers along k: one MX block. */
        lanes: z.literal(32, '32'),
        /** Dot-product columns: outputs computed side by side. */
        columns: powerOfTwo(16, 256),
        activationFormat: oneOf('mxint8', 'mxfp8'),
        weightFormat: oneOf('mxint8', 'mxfp8', 'mxfp4'),
        /** Bytes of weights the array takes from the scratchpad each cycle. */
        weightPortBytesPerCycle: powerOfTwo(16, 4096),
        /** Cycles from the last operand row to the last accumulator write. */
        pipelineCycles: integer(1, 256),
        /** Distance in cycles between two additions to one accumulator. */
        accumulateCycles: integer(1, 64),
      },
      part,
    ),
    vector: z.strictObject({ lanes: powerOfTwo(4, 1024), pipelineCycles: integer(1, 256) }, part),
    scratchpad: z.strictObject({ sizeBytes: integer(1, 2 ** 30), banks: integer(1, 64) }, part),
    accumulator: z.strictObject({ sizeBytes: integer(1, 2 ** 30), banks: integer(2, 64) }, part),
    dma: z.strictObject(
      { outstandingLoads: integer(1, 256), burstBytes: powerOfTwo(8, 4096) },
      part,
    ),
    memory: z.strictObject(
      {
        type: text,
        sizeBytes: integer(1, 2 ** 44),
        bytesPerCycle: powerOfTwo(1, 65536),
        latencyCycles: integer(1, 100_000),
      },
      part,
    ),
    process: z.strictObject({ node: text, nanometres: integer(1, 1e6).nullable() }, part),
    /** Why each size is what it is, by field. */
    reasons: z.record(z.string(), text, part),
  },
  'an object',
);

export type Chip = z.infer<typeof chipSchema>;

/** Validates a chip description; `where` names the file. Throws ChipError listing every problem. */
export function parseChip(value: unknown, where: string): Chip {
  const parsed = chipSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ChipError(listProblems(schemaProblems(parsed.error, value)), {
    where,
    hint: COMPARE_HINT,
  });
}
