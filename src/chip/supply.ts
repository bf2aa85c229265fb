/**
 * What is bought beside a design, and what it costs: catalogue/memories.json and catalogue/wafers.json.
 *
 * Every amount is a range with its source; `assumed` is a judgement of the catalogue, which no source backs.
 */
import { z } from 'zod';
import { CONFIDENCES } from './accelerator.ts';
import { meets, type ExportRule } from './exportRules.ts';
import { parseFile } from './parseFile.ts';
import { withSources } from './software.ts';
import { sourcesSchema, text } from './sourced.ts';

const sourced = { source: text, confidence: z.enum([...CONFIDENCES, 'assumed']) };
const positive = z.number().positive();

/** An amount from low to high; null where nothing is known. */
const range = z
  .strictObject({ ...sourced, low: positive, value: positive, high: positive, note: z.string() })
  .refine(({ low, value, high }) => low <= value && value <= high, 'low ≤ value ≤ high')
  .nullable();

const memorySchema = z.strictObject({
  ...sourced,
  id: text,
  name: text,
  /** Of a device: a stack, a package, a module. */
  bytesPerSecond: positive,
  capacityBytes: z.int().positive(),
  /** Of a random read, with the controller. */
  latencyNs: positive,
  burstBytes: z.int().positive(),
  /** Devices that one chip has at most. */
  mostDevices: z.int().positive(),
  /** Area of a device, by which export rules judge its bandwidth. */
  areaMm2: positive.nullable(),
  /** How it is joined to the chip: a key of `packages` in wafers.json. */
  package: text,
  /** Of a read or write, device and interface. */
  picojoulesPerBit: range,
  dollarsPerGB: range,
  note: z.string(),
});

const memoriesSchema = z.strictObject({
  about: text,
  retrieved: z.iso.date(),
  memories: z.array(memorySchema).min(1),
  sources: sourcesSchema,
});

const wafersSchema = z.strictObject({
  about: text,
  retrieved: z.iso.date(),
  /** Negative binomial: yield = (1 + area · defects / clustering)^−clustering. */
  yield: z.strictObject({ ...sourced, clustering: positive, note: z.string() }),
  reticle: z.strictObject({ ...sourced, areaMm2: positive }),
  /** Not used at the edge, and between dies. */
  margins: z.strictObject({ ...sourced, edgeMm: z.number(), scribeMm: z.number() }),
  /** By the id of a node in catalogue/silicon. */
  nodes: z.record(
    text,
    z.strictObject({
      class: text,
      diameterMm: positive,
      waferDollars: range,
      defectsPerCm2: range,
      source: text,
    }),
  ),
  /** Package, assembly and test of a chip, and more for each memory device in it. */
  packages: z.record(text, z.strictObject({ chipDollars: range, deviceDollars: range })),
  sources: sourcesSchema,
});

export type SupplyRange = NonNullable<z.infer<typeof range>>;
export type Memory = z.infer<typeof memorySchema>;
export type Memories = ReadonlyMap<string, Memory>;
export type Wafers = z.infer<typeof wafersSchema>;

/** Validates catalogue/memories.json. Throws ChipError listing every problem. */
export function parseMemories(value: unknown, where: string): Memories {
  const file = parseFile(withSources(memoriesSchema), value, { what: 'memories', where });
  return new Map(file.memories.map((memory) => [memory.id, memory]));
}

/** Validates catalogue/wafers.json. Throws ChipError listing every problem. */
export function parseWafers(value: unknown, where: string): Wafers {
  return parseFile(withSources(wafersSchema), value, { what: 'wafers', where });
}

/**
 * Whether the rules of a day control devices of a memory sold as such: a control of memory that is met;
 * licence exceptions are not considered. Undefined where the area of a device is not known.
 */
export function isControlledMemory(
  { bytesPerSecond, areaMm2 }: Memory,
  rules: readonly ExportRule[],
): boolean | undefined {
  const measured = {
    totalProcessingPerformance: undefined,
    performanceDensity: undefined,
    memoryBandwidthGigabytesPerSecond: undefined,
    memoryBandwidthDensity: areaMm2 === null ? undefined : bytesPerSecond / 1e9 / areaMm2,
  };
  const controls = rules.filter(({ kind, id }) => kind === 'memory' && id.startsWith('3A090'));
  const results = controls.map((rule) => meets(rule, measured));
  if (results.includes(true)) return true;
  return results.includes(undefined) ? undefined : false;
}
