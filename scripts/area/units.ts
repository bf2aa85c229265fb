/**
 * The units of the table: modules of chips that are synthesised whole, as the chips' bills name them, with
 * the streams of operands that their energy is measured on.
 */
import { chipNames, loadChip, type Chip } from '../../src/chip/index.ts';
import type { Module } from '../../src/hdl/index.ts';
import { REGISTERS } from '../../src/target/jade/vector/microOps.ts';
import { siliconUnits } from '../../src/target/jade/siliconBill.ts';
import type { Operands } from './energy.ts';
import type { Recording } from './recording.ts';
import { blockStreams, columnStreams, laneStreams } from './streams.ts';

export interface LeafUnit {
  /** In the table; ends in its stages. */
  readonly name: string;
  readonly module: Module;
  readonly what: string;
  /** What a cycle does, and how often. */
  readonly operation: string;
  readonly operationsPerCycle: number;
  /** The chip whose run gives the operands. */
  readonly chip: string;
  /** Ports of addresses that must stay below a number. */
  readonly below: Readonly<Record<string, number>>;
  /** Operands of successive cycles by the name of the stream. */
  readonly streams: (recording: Recording) => Readonly<Record<string, readonly Operands[]>>;
}

/** All units of the chips of the table, each once. */
export function leafUnits(): LeafUnit[] {
  const units = new Map<string, LeafUnit>();
  for (const { operandsOf, chip } of chipsOfTable()) {
    for (const [name, module] of siliconUnits(chip)) {
      if (!units.has(name)) units.set(name, { name, module, chip: operandsOf, ...describe(name) });
    }
  }
  return [...units.values()];
}

/** A chip, and the built-in one whose run gives the operands of its units. */
interface ChipOfTable {
  readonly operandsOf: string;
  readonly chip: Chip;
}

/** The built-in chips, and jade-nano with lanes between theirs and with weights of its activations' format. */
function chipsOfTable(): ChipOfTable[] {
  const nano = loadChip('jade-nano');
  const variants: Chip[] = [
    ...[3, 5].map((operationCycles) => ({ ...nano, vector: { ...nano.vector, operationCycles } })),
    { ...nano, matrix: { ...nano.matrix, weightFormat: nano.matrix.activationFormat } },
  ];
  return [
    ...chipNames().map((name) => ({ operandsOf: name, chip: loadChip(name) })),
    ...variants.map((chip) => ({ operandsOf: 'jade-nano', chip })),
  ];
}

type Description = Omit<LeafUnit, 'name' | 'module' | 'chip'>;

function describe(name: string): Description {
  const [kind, ...rest] = name.match(/^(matrix_column|vector_lane|vector_block)|[^_]+/g)!;
  if (kind === 'matrix_column') return describeColumn(rest);
  return kind === 'vector_lane' ? describeLane(Number(rest[0])) : describeBlock(rest[0]!);
}

/** `activations, weights, stages of the dot product, stages of the addition`. */
function describeColumn([activations, weights, dot, add]: readonly string[]): Description {
  return {
    what:
      `a column: 32 weights and the next 32, their products with ${activations} (weights ${weights}), ` +
      `the sum as f32 in ${dot} cycles, added to an accumulator in ${add}`,
    operation: 'multiply-accumulate',
    operationsPerCycle: 32,
    below: {},
    streams: columnStreams(Number(dot)),
  };
}

function describeLane(latency: number): Description {
  const words = REGISTERS * latency;
  return {
    what: `a lane: registers of ${latency} contexts, f32 multiplier, adder, functions, in ${latency} cycles`,
    operation: 'f32 operation',
    operationsPerCycle: 1,
    below: { readAddress: words, writeAddress: words },
    streams: laneStreams(latency),
  };
}

function describeBlock(format: string): Description {
  return {
    what: `32 f32 as elements of ${format} under one scale, in a part of one cycle`,
    operation: 'element',
    operationsPerCycle: 32,
    below: {},
    streams: blockStreams,
  };
}
