/** Who ships, buys and plans what: catalogue/shipments, catalogue/procurement, catalogue/roadmaps. */
import { z } from 'zod';
import { parseFile } from './parseFile.ts';
import { withSources } from './software.ts';
import { SOURCED, sourcesSchema, text, textOrNull } from './sourced.ts';

const amount = z.number().positive().nullable();

const shipmentsSchema = z.strictObject({
  about: text,
  market: text,
  rows: z.array(
    z.strictObject({
      ...SOURCED,
      year: z.int(),
      /** `all` and `all domestic` are sums of their source, which may count more than the makers listed. */
      maker: text,
      country: text,
      units: z.int().positive().nullable(),
      share: z.number().positive().max(1).nullable(),
      kind: z.enum(['shipped', 'planned', 'estimate']),
      architecture: z.enum(['gpu', 'gpgpu', 'asic']).nullable(),
      note: z.string(),
    }),
  ),
  sources: sourcesSchema,
});
export type Shipments = z.infer<typeof shipmentsSchema>;

const procurementSchema = z.strictObject({
  about: text,
  rows: z.array(
    z.strictObject({
      ...SOURCED,
      buyer: text,
      seller: text,
      chips: z.array(text),
      kind: z.enum(['contract', 'order', 'own silicon', 'software', 'licence', 'statement']),
      what: text,
      amount,
      unit: textOrNull,
    }),
  ),
  sources: sourcesSchema,
});
export type Procurement = z.infer<typeof procurementSchema>;

/** Dense rates of a chip or a whole system; fp4 is any 4-bit float. */
const peaks = z.strictObject({ bf16: amount, fp8: amount, fp4: amount }).nullable();

const roadmapSchema = z.strictObject({
  maker: text,
  country: z.string().length(2),
  products: z.array(
    z.strictObject({
      ...SOURCED,
      year: z.int(),
      quarter: textOrNull,
      name: text,
      /** Id in catalogue/accelerators, whose rates hold; null where it has no file. */
      chip: textOrNull,
      peakOperationsPerSecond: peaks,
      memoryBandwidthBytesPerSecond: amount,
      systemName: textOrNull,
      systemChips: z.int().positive().nullable(),
      /** As the maker states it for the whole system. */
      systemPeakOperationsPerSecond: peaks,
      systemPower: z
        .strictObject({
          ...SOURCED,
          watts: z.number().positive(),
          low: z.number().positive(),
          high: z.number().positive(),
        })
        .nullable(),
      status: z.enum(['shipping', 'planned', 'preliminary']),
      note: z.string(),
    }),
  ),
  sources: sourcesSchema,
});
export type Roadmap = z.infer<typeof roadmapSchema>;
export type RoadmapProduct = Roadmap['products'][number];

const assumptionsSchema = z.strictObject({
  about: text,
  rows: z.array(
    z
      .strictObject({
        ...SOURCED,
        name: text,
        low: z.number().positive(),
        value: z.number().positive(),
        high: z.number().positive(),
        unit: text,
        note: z.string(),
      })
      .refine(({ low, value, high }) => low <= value && value <= high, 'low ≤ value ≤ high'),
  ),
  sources: sourcesSchema,
});
export type Assumptions = z.infer<typeof assumptionsSchema>;

/** Validates catalogue/parity.json. Throws ChipError listing every problem. */
export function parseAssumptions(value: unknown, where: string): Assumptions {
  return parseFile(withSources(assumptionsSchema), value, { what: 'assumptions', where });
}

/** Validates a file of catalogue/shipments. Throws ChipError listing every problem. */
export function parseShipments(value: unknown, where: string): Shipments {
  return parseFile(withSources(shipmentsSchema), value, { what: 'shipments', where });
}

/** Validates a file of catalogue/procurement. Throws ChipError listing every problem. */
export function parseProcurement(value: unknown, where: string): Procurement {
  return parseFile(withSources(procurementSchema), value, { what: 'procurement', where });
}

/** Validates a file of catalogue/roadmaps. Throws ChipError listing every problem. */
export function parseRoadmap(value: unknown, where: string): Roadmap {
  return parseFile(withSources(roadmapSchema), value, { what: 'a roadmap', where });
}
