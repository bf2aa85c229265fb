/**
 * Accelerator: what is published about a chip of another maker, one file each in
 * `catalogue/accelerators/`. Pure data with sources; what is not published is null and stays null.
 */
import { z } from 'zod';
import { parseFile } from './parseFile.ts';

const positive = z.number().positive().nullable();
const count = z.int().positive().nullable();
const text = z.string().min(1);
const textOrUnknown = text.nullable();

/**
 * official: stated by the maker; reported: by the press or a third party; estimated: derived; unknown:
 * given without saying. null: there is no value.
 */
export const CONFIDENCES = ['official', 'reported', 'estimated', 'unknown'] as const;
const confidence = z.enum(CONFIDENCES).nullable();

const fields = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: text,
  vendor: text,
  /** ISO 3166 code of the maker's seat. */
  country: z.string().length(2),
  kind: z.enum(['gpu', 'gpgpu', 'asic']),
  status: z.enum([
    'shipping',
    'sampling',
    'announced',
    'roadmap',
    'reported',
    'claimed',
    'discontinued',
  ]),
  announced: text,
  available: textOrUnknown,
  process: z.strictObject({
    name: textOrUnknown,
    nanometres: positive,
    foundry: textOrUnknown,
  }),
  /** All logic dies of the package. */
  dieAreaMm2: positive,
  dies: count,
  /**
   * Devices that software sees, where it is not one: each has its share of rates, memory and links, and
   * work is divided among them as among chips.
   */
  devices: z.int().positive().optional(),
  /** Dense operations a second, a multiplication and an addition counted as two. */
  peakOperationsPerSecond: z.strictObject({
    fp64: positive,
    fp32: positive,
    tf32: positive,
    bf16: positive,
    fp16: positive,
    fp8: positive,
    hif8: positive,
    mxfp4: positive,
    int8: positive,
    int4: positive,
  }),
  memory: z.strictObject({
    type: textOrUnknown,
    capacityBytes: count,
    bandwidthBytesPerSecond: positive,
  }),
  /** Caches, scratchpads and buffers. */
  onChipMemoryBytes: count,
  /** Between chips of one domain; bandwidth of a chip in one direction. */
  interconnect: z.strictObject({
    name: textOrUnknown,
    bandwidthBytesPerSecond: positive,
    scaleUpChips: count,
  }),
  hostLink: textOrUnknown,
  thermalDesignPowerWatts: positive,
  priceUsd: z
    .strictObject({ value: z.number().positive(), asOf: text, note: z.string() })
    .nullable(),
  /** Facts as the maker names them. */
  microarchitecture: z.record(z.string(), z.json()).nullable(),
  software: z.strictObject({
    stack: z.array(text),
    programmingModels: z.array(text),
    frameworks: z.array(text),
  }),
  production: z.array(
    z.strictObject({
      year: z.int().nullable(),
      units: count,
      source: text,
      note: z.string(),
    }),
  ),
  confidence: z.strictObject({
    peak: confidence,
    memory: confidence,
    process: confidence,
    dieArea: confidence,
    interconnect: confidence,
    power: confidence,
    price: confidence,
    production: confidence,
    microarchitecture: confidence,
  }),
  /** Fields from memory of a public document, not read again. */
  unverified: z.array(text),
  /** Inference, not the maker's data. */
  derived: z.array(z.strictObject({ what: text, value: z.union([text, z.number()]), basis: text })),
  /** The day the sources were read. */
  retrieved: z.iso.date(),
  sources: z
    .array(
      z.strictObject({
        url: z.url().nullable(),
        what: text,
        read: z.enum(['full', 'excerpt', 'none']),
      }),
    )
    .min(1, 'at least one source'),
  notes: z.string(),
});

export type Accelerator = z.infer<typeof fields>;
export type AcceleratorFormat = keyof Accelerator['peakOperationsPerSecond'];

/** What each confidence stands for: whether any of it has a value. */
const GROUPS: Readonly<Record<keyof Accelerator['confidence'], (chip: Accelerator) => boolean>> = {
  peak: ({ peakOperationsPerSecond }) => hasValue(peakOperationsPerSecond),
  memory: ({ memory }) => hasValue(memory),
  process: ({ process }) => hasValue(process),
  dieArea: ({ dieAreaMm2 }) => dieAreaMm2 !== null,
  interconnect: ({ interconnect }) => hasValue(interconnect),
  power: ({ thermalDesignPowerWatts }) => thermalDesignPowerWatts !== null,
  price: ({ priceUsd }) => priceUsd !== null,
  production: ({ production }) => production.length > 0,
  microarchitecture: ({ microarchitecture, onChipMemoryBytes }) =>
    microarchitecture !== null || onChipMemoryBytes !== null,
};

function hasValue(group: object): boolean {
  return Object.values(group).some((value) => value !== null);
}

/** Every number says how sure it is. */
const schema = fields.superRefine((chip, context) => {
  for (const [group, isGiven] of Object.entries(GROUPS)) {
    const stated = chip.confidence[group as keyof typeof GROUPS];
    if (stated !== null || !isGiven(chip)) continue;
    const message = `must be one of ${CONFIDENCES.join(', ')} as there are values`;
    context.addIssue({ code: 'custom', path: ['confidence', group], message });
  }
});

/** Validates a file of catalogue/accelerators. Throws ChipError listing every problem. */
export function parseAccelerator(value: unknown, where: string): Accelerator {
  const hint = 'compare with catalogue/accelerators/nvidia-h20.json';
  return parseFile(schema, value, { what: 'an accelerator', where, hint });
}
