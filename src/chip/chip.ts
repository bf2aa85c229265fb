/**
 * Chip: the description of an accelerator of the Jade template. Pure data, no behaviour; one JSON file
 * in `catalogue/chips/` each. Simulator, compiler, cost model and (later) RTL read the same file.
 */
import { z } from 'zod';
import { ChipError } from '../base/index.ts';

const positive = z.number().int().positive();
const powerOfTwo = positive.refine((n) => Number.isInteger(Math.log2(n)), 'must be a power of two');

export const chipSchema = z.strictObject({
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
    /** Bytes of weights the array takes from the scratchpad each cycle. */
    weightPortBytesPerCycle: powerOfTwo.min(16).max(4096),
    /** Cycles from the last operand row to the last accumulator write. */
    pipelineCycles: positive.max(256),
    /** Distance in cycles between two additions to one accumulator. */
    accumulateCycles: positive.max(64),
  }),
  vector: z.strictObject({
    lanes: powerOfTwo.min(4).max(1024),
    pipelineCycles: positive.max(256),
  }),
  scratchpad: z.strictObject({ sizeBytes: positive.max(2 ** 30), banks: positive.max(64) }),
  accumulator: z.strictObject({ sizeBytes: positive.max(2 ** 30), banks: positive.min(2).max(64) }),
  dma: z.strictObject({
    outstandingLoads: positive.max(256),
    burstBytes: powerOfTwo.min(8).max(4096),
  }),
  memory: z.strictObject({
    type: z.string(),
    sizeBytes: positive.max(2 ** 44),
    bytesPerCycle: powerOfTwo.min(1).max(65536),
    latencyCycles: positive.max(100000),
  }),
  process: z.strictObject({ node: z.string(), nanometres: positive.nullable() }),
  /** Why each size is what it is, by field. */
  reasons: z.record(z.string(), z.string()),
});

export type Chip = z.infer<typeof chipSchema>;

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
