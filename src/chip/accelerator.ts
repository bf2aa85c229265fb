/**
 * Accelerator: what is published about a chip of another maker, as far as a roofline needs it. Pure
 * data with sources; what is not published is null.
 */
import { z } from 'zod';
import { ChipError } from '../base/index.ts';

const rate = z.number().positive().nullable();
const confidence = z.enum(['official', 'reported', 'estimated']);

const acceleratorSchema = z.strictObject({
  id: z.string().min(1),
  name: z.string(),
  vendor: z.string(),
  status: z.string(),
  /** Dense operations a second, a multiplication and an addition counted as two. */
  peakOperationsPerSecond: z.strictObject({ bf16: rate, fp16: rate, fp8: rate, int8: rate }),
  memory: z.strictObject({
    type: z.string(),
    bandwidthBytesPerSecond: z.number().positive(),
    capacityBytes: z.number().positive(),
  }),
  confidence: z.strictObject({ peak: confidence, memory: confidence }),
  sources: z
    .array(
      z.strictObject({ url: z.url(), what: z.string(), read: z.enum(['full', 'excerpt', 'none']) }),
    )
    .min(1),
  notes: z.string(),
});

const fileSchema = z.strictObject({
  about: z.string(),
  /** The day the sources were read. */
  retrieved: z.iso.date(),
  accelerators: z.array(acceleratorSchema),
});

export type Accelerator = z.infer<typeof acceleratorSchema>;
export type AcceleratorFormat = keyof Accelerator['peakOperationsPerSecond'];

/** Validates catalogue/accelerators.json. Throws ChipError listing every problem. */
export function parseAccelerators(value: unknown, where: string): Accelerator[] {
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.accelerators;
  const problems = parsed.error.issues.map((i) => `${i.path.join('.') || '(root)'}: ${i.message}`);
  throw new ChipError(`accelerators must follow the schema: ${problems.join('; ')}`, { where });
}
