/**
 * Chip: the description of an accelerator of the Jade template. Pure data, no behaviour; one JSON file
 * in `catalogue/chips/` each. Simulator, compiler, cost model and (later) RTL read the same file.
 */
import { z } from 'zod';
import { ChipError } from '../base/index.ts';

const positive = z.number().int().positive();
const powerOfTwo = positive.refine(isPowerOfTwo, 'must be a power of two');

function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(Math.log2(n));
}

const fields = z.strictObject({
  name: z.string().min(1).max(64),
  summary: z.string(),
  template: z.literal('jade'),
  clockHz: positive.max(10e9),
  cores: positive.max(1024),
  matrix: z.strictObject({
    /** Multipliers along k: one MX block. */
    lanes: z.literal(32),
    /** Dot-product columns: outputs computed side by side. */
    columns: powerOfTwo.min(16).max(256),
    activationFormat: z.enum(['mxint8', 'mxfp8']),
    weightFormat: z.enum(['mxint8', 'mxfp8', 'mxfp4']),
    /** Bytes of the weight read port of the scratchpad. */
    weightPortBytesPerCycle: powerOfTwo.min(64).max(4096),
    /** Cycles from the request of an activation block to its sum being readable in the accumulators. */
    pipelineCycles: positive.max(256),
    /** Cycles from reading an accumulator row to reading its new value: 4 + stages of the f32 adder. */
    accumulateCycles: positive.min(5).max(64),
  }),
  vector: z.strictObject({
    /** One block of MX at least, so that a scale is found in one window. */
    lanes: powerOfTwo.min(32).max(1024),
    /** Latency of one f32 operation of a lane, and the number of contexts that hide it. */
    operationCycles: positive.min(2).max(16),
  }),
  scratchpad: z.strictObject({ sizeBytes: positive.max(2 ** 30), banks: positive.max(64) }),
  accumulator: z.strictObject({ sizeBytes: positive.max(2 ** 30), banks: positive.min(2).max(64) }),
  /** Counts and lists: what an instruction reads to know its rows. */
  control: z.strictObject({ sizeBytes: powerOfTwo.min(256).max(2 ** 24) }),
  dma: z.strictObject({
    outstandingLoads: positive.max(256),
    burstBytes: powerOfTwo.min(8).max(4096),
  }),
  memory: z.strictObject({
    type: z.string(),
    sizeBytes: positive.max(2 ** 44),
    bytesPerCycle: powerOfTwo.min(1).max(65536),
    /** From the command of a row to its first beat: the DMA needs two cycles to expect it. */
    latencyCycles: positive.min(2).max(100000),
  }),
  process: z.strictObject({ node: z.string(), nanometres: positive.nullable() }),
  /** Why each size is what it is, by field. */
  reasons: z.record(z.string(), z.string()),
});

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

function rulesOf(chip: Chip): Rule[] {
  const { matrix, scratchpad, accumulator } = chip;
  const banks = scratchpad.banks + accumulator.banks + 1;
  const port = 33 * Math.max(1, matrix.columns / 32);
  return [
    bankRule('scratchpad', chip),
    bankRule('accumulator', chip),
    {
      holds: chip.control.sizeBytes >= LEAST_WORDS * windowBytes(chip),
      field: 'control.sizeBytes',
      rule: `must be at least ${LEAST_WORDS * windowBytes(chip)}, not ${chip.control.sizeBytes}`,
    },
    {
      holds: banks <= MAX_BANKS,
      field: 'scratchpad.banks',
      rule: `must leave at most ${MAX_BANKS} banks on the chip, not ${banks}`,
    },
    {
      holds: matrix.weightPortBytesPerCycle >= port,
      field: 'matrix.weightPortBytesPerCycle',
      rule: `must be at least ${port} for ${matrix.columns} columns`,
    },
  ];
}

/** Words of a bank: it is two memories of at least two words each. */
const LEAST_WORDS = 4;

/** A bank is two memories of whole words, and its number a part of the address. */
function bankRule(memory: 'scratchpad' | 'accumulator', chip: Chip): Rule {
  const { sizeBytes, banks } = chip[memory];
  const [bank, least] = [sizeBytes / banks, LEAST_WORDS * windowBytes(chip)];
  const rule = `must be a power of two from ${least} on for each bank, not ${bank}`;
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
  const problems = parsed.error.issues.map((i) => `${i.path.join('.') || '(root)'}: ${i.message}`);
  throw new ChipError(`a chip description must follow the schema: ${problems.join('; ')}`, {
    where,
    hint: 'compare with catalogue/chips/jade-edge.json',
  });
}
