/**
 * Chip: the description of an accelerator of the Jade template. Pure data, no behaviour; one JSON file
 * in `catalogue/chips/` each. Simulator, compiler, cost model and (later) RTL read the same file.
 */
import { z } from 'zod';
import { ChipError, listProblems } from '../base/index.ts';
import { integer, schemaProblems } from '../schema/index.ts';

/** What to do about a description that is wrong. */
export const COMPARE_HINT = 'compare with catalogue/chips/jade-edge.json';

function powerOfTwo(least: number, most: number) {
  const requirement = `a power of two from ${least} to ${most}`;
  const bounds = z.int(requirement).min(least, requirement).max(most, requirement);
  return bounds.refine(isPowerOfTwo, requirement);
}

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(Math.log2(n));
}

function oneOf<T extends string>(...names: readonly T[]) {
  return z.enum(names, `one of ${names.join(', ')}`);
}

const NAME = 'a text of 1 to 64 characters';
const text = z.string('a text');
const part = 'an object';

const fields = z.strictObject(
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
        /** Bytes of the weight read port of the scratchpad. */
        weightPortBytesPerCycle: powerOfTwo(64, 4096),
        /** Cycles from the issue of a row of activations to its sums being readable in the accumulators. */
        pipelineCycles: integer(13, 256),
        /** Cycles from reading an accumulator row to reading its new value: 4 + stages of the f32 adder. */
        accumulateCycles: integer(5, 64),
      },
      part,
    ),
    vector: z.strictObject(
      {
        /** One block of MX at least, so that a scale is found in one window. */
        lanes: powerOfTwo(32, 1024),
        /** Latency of one f32 operation of a lane, and the number of contexts that hide it. */
        operationCycles: integer(2, 16),
      },
      part,
    ),
    scratchpad: z.strictObject({ sizeBytes: integer(1, 2 ** 30), banks: integer(1, 64) }, part),
    accumulator: z.strictObject({ sizeBytes: integer(1, 2 ** 30), banks: integer(2, 32) }, part),
    /** Counts and lists: what an instruction reads to know its rows. */
    control: z.strictObject({ sizeBytes: powerOfTwo(256, 2 ** 24) }, part),
    dma: z.strictObject(
      { outstandingLoads: integer(1, 256), burstBytes: powerOfTwo(8, 4096) },
      part,
    ),
    memory: z.strictObject(
      {
        type: text,
        /** What each core has at its port. */
        sizeBytes: integer(1, 2 ** 44),
        /** Of the port of each core. */
        bytesPerCycle: powerOfTwo(1, 65536),
        /** From the command of a row to its first beat: the DMA needs two cycles to expect it. */
        latencyCycles: integer(2, 100_000),
      },
      part,
    ),
    process: z.strictObject({ node: text, nanometres: integer(1, 1e6).nullable() }, part),
    /** Why each size is what it is, by field. */
    reasons: z.record(z.string(), text, part),
  },
  'an object',
);

export type Chip = z.infer<typeof fields>;

/** Bits of a bank mask in an instruction. */
export const MAX_BANKS = 64;

/** A description whose parts also go together: what is wrong is listed by field. */
export const chipSchema = fields.superRefine((chip, context) => {
  for (const { holds, field, rule } of rulesOf(chip)) {
    if (!holds) context.addIssue({ code: 'custom', path: field.split('.'), message: rule });
  }
});

interface Rule {
  readonly holds: boolean;
  readonly field: string;
  readonly rule: string;
}

/** What must hold between fields; each rule as what the field must be. */
function rulesOf(chip: Chip): Rule[] {
  const { matrix, scratchpad, accumulator } = chip;
  const banks = scratchpad.banks + accumulator.banks + 1;
  const port = 33 * Math.max(1, matrix.columns / 32);
  const formats = [matrix.activationFormat, 'mxfp4'];
  const addStages = matrix.accumulateCycles - 4;
  return [
    bankRule('scratchpad', chip),
    bankRule('accumulator', chip),
    {
      holds: chip.control.sizeBytes >= LEAST_WORDS * windowBytes(chip),
      field: 'control.sizeBytes',
      rule: `at least ${LEAST_WORDS * windowBytes(chip)}`,
    },
    {
      holds: banks <= MAX_BANKS,
      field: 'scratchpad.banks',
      rule: `at most ${MAX_BANKS - accumulator.banks - 1}, so that the chip has ${MAX_BANKS} banks in all`,
    },
    {
      holds: matrix.weightPortBytesPerCycle >= port,
      field: 'matrix.weightPortBytesPerCycle',
      rule: `at least ${port} for ${matrix.columns} columns`,
    },
    {
      holds: formats.includes(matrix.weightFormat),
      field: 'matrix.weightFormat',
      rule: `one of ${formats.join(', ')} beside activations of ${matrix.activationFormat}`,
    },
    {
      holds: matrix.pipelineCycles >= 12 + addStages,
      field: 'matrix.pipelineCycles',
      rule: `at least ${12 + addStages} with an adder of ${addStages} stages`,
    },
  ];
}

/** Words of a bank: it is two memories of at least two words each. */
const LEAST_WORDS = 4;

/** A bank is two memories of whole words, and its number a part of the address. */
function bankRule(memory: 'scratchpad' | 'accumulator', chip: Chip): Rule {
  const { sizeBytes, banks } = chip[memory];
  const [bank, least] = [sizeBytes / banks, LEAST_WORDS * windowBytes(chip)];
  const rule = `${banks} banks, each a power of two of at least ${least} bytes`;
  return { holds: isPowerOfTwo(bank) && bank >= least, field: `${memory}.sizeBytes`, rule };
}

/** W: the widest port in bytes, and with it the word of every bank. */
export function windowBytes({ matrix, vector, memory }: Chip): number {
  const { columns, weightPortBytesPerCycle } = matrix;
  return Math.max(4 * vector.lanes, 4 * columns, memory.bytesPerCycle, weightPortBytesPerCycle);
}

/** Validates a chip description; `where` names the file. Throws ChipError listing every problem. */
export function parseChip(value: unknown, where: string): Chip {
  const parsed = chipSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ChipError(listProblems(schemaProblems(parsed.error, value)), {
    where,
    hint: COMPARE_HINT,
  });
}
