/**
 * What a process node costs: area, delay and energy of units, flops and memories. Pure data; one JSON
 * file in `catalogue/silicon/` a node, written by `npm run area-table`, and three written by hand:
 * memories, factors between synthesis and a placed block, published areas.
 *
 * All of it is pre-layout: cells as synthesis chose them, without wires, placement or clock tree.
 */
import { z } from 'zod';
import { parseFile } from './parseFile.ts';

const count = z.number().int().nonnegative();
const amount = z.number().nonnegative();

const unitSchema = z.strictObject({
  what: z.string(),
  areaUm2: amount,
  /** Of it in flops. */
  flopAreaUm2: amount,
  gates: count,
  flops: count,
  /** Slowest path between flops or ports, as ABC times it; without clock to output and setup. */
  delayPs: amount,
  leakageNw: amount,
  /** Energy of one cycle by the stream of operands, in fJ; without leakage, wires, glitches, clock tree. */
  cycleFj: z.record(z.string(), amount),
  /** Operations that a cycle does, of the kind named; 0 where no kind fits. */
  operationsPerCycle: count,
  operation: z.string(),
});

export const siliconNodeSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  nanometres: z.number().positive(),
  kind: z.enum(['predictive', 'real']),
  stage: z.literal('pre-layout'),
  library: z.strictObject({
    names: z.array(z.string()),
    files: z.array(z.string()),
    upstream: z.string(),
    licence: z.string(),
    citation: z.string().nullable(),
  }),
  corner: z.strictObject({ process: z.literal('typical'), volts: amount, celsius: z.number() }),
  made: z.strictObject({
    command: z.string(),
    date: z.string(),
    tool: z.string(),
    synth: z.string(),
    abc: z.string(),
    verifiedVectors: count,
  }),
  flop: z.strictObject({
    cell: z.string(),
    areaUm2: amount,
    leakageNw: amount,
    /** Of a cycle in which nothing changes: two edges of the clock. */
    clockFj: amount,
    /** More of a cycle in which input and output change. */
    toggleFj: amount,
    /** Clock to output and setup. */
    overheadPs: amount,
  }),
  nand2: z.strictObject({ cell: z.string(), areaUm2: amount, leakageNw: amount, toggleFj: amount }),
  /** Area of operators of the hardware layer for each unit of their size (`operatorSize`). */
  operatorUm2: z.record(z.string(), amount),
  units: z.record(z.string(), unitSchema),
});

const sramNodeSchema = z.strictObject({
  macro: z.string().nullable(),
  kind: z.enum(['real', 'generated', 'model', 'estimated']),
  words: count,
  width: count,
  ports: z.union([z.literal(1), z.literal(2)]),
  areaUm2PerBit: amount,
  accessPjPerBit: amount,
  source: z.string(),
  rule: z.string().nullable(),
});

export const sramSchema = z.strictObject({
  about: z.string(),
  retrieved: z.string(),
  twoPorts: z.strictObject({
    areaFactor: z.number().min(1),
    source: z.string(),
    confidence: z.string(),
  }),
  nodes: z.record(z.string(), sramNodeSchema),
});

const factorSchema = z.strictObject({
  value: z.number().positive(),
  reason: z.string(),
  confidence: z.string(),
});

export const factorsSchema = z.strictObject({
  about: z.string(),
  utilisation: factorSchema,
  scan: factorSchema,
  clockAndRepair: factorSchema,
  memoryPlacement: factorSchema,
  /** Published areas of machines over what the table gives for their MACs and memory. */
  published: z.strictObject({
    least: z.number().positive(),
    most: z.number().positive(),
    reason: z.string(),
    confidence: z.string(),
  }),
});

const publishedConfiguration = z.strictObject({
  macs: count.positive(),
  bufferKiB: count.positive(),
  areaMm2: z.number().positive(),
  peakWatts: z.number().positive().optional(),
  clockHz: z.number().positive().optional(),
});

export const publishedSchema = z.strictObject({
  about: z.string(),
  nvdla: z.strictObject({
    source: z.string(),
    read: z.string(),
    configurations28nm: z.array(publishedConfiguration),
    configurations16nm: z.array(publishedConfiguration),
    source16nm: z.string(),
    note: z.string(),
  }),
});

/** What the table says of one unit on one node. */
export type SiliconUnit = z.infer<typeof unitSchema>;
export type SiliconNode = z.infer<typeof siliconNodeSchema>;
export type SramModel = z.infer<typeof sramNodeSchema>;
export type SiliconFactors = z.infer<typeof factorsSchema>;
export type PublishedSilicon = z.infer<typeof publishedSchema>;

/** A node with its memory and the factors that hold for all nodes. */
export interface Silicon {
  readonly node: SiliconNode;
  readonly sram: SramModel;
  /** Area of a memory with two ports over one with one. */
  readonly twoPortFactor: number;
  readonly factors: SiliconFactors;
}

/** Validates a file of the catalogue; `where` names it. Throws ChipError listing every problem. */
export function parseSilicon<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const hint = 'npm run area-table writes the files of nodes';
  return parseFile(schema, value, { what: 'a file of silicon', where, hint });
}
