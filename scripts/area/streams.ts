/** Operands of a recording as the inputs of a unit, cycle by cycle, by the names of a netlist. */
import {
  A_SOURCES,
  B_SOURCES,
  OPERATION_NAMES,
} from '../../src/target/jade/rtl/vector/microcodeRom.ts';
import { PATHS } from '../../src/target/jade/rtl/vector/lane.ts';
import { REGISTERS, type Operation } from '../../src/target/jade/vector/microOps.ts';
import type { LeafUnit } from './units.ts';
import type { Operands } from './energy.ts';
import type { BlockOperands, Recording } from './recording.ts';

type Streams = LeafUnit['streams'];

/**
 * Rows through a column with `dotStages`: weights that differ from those of the cycle before were written
 * two cycles ago and swapped one cycle ago; the accumulator arrives with the addend.
 */
export function columnStreams(dotStages: number): Streams {
  return ({ prefill, decode }) => ({
    prefill: columnInputs(prefill, dotStages),
    decode: columnInputs(decode, dotStages),
  });
}

function columnInputs(blocks: readonly BlockOperands[], dotStages: number): Operands[] {
  const at = (cycle: number): BlockOperands => blocks[(cycle + blocks.length) % blocks.length]!;
  const changes = (cycle: number): bigint => {
    const [before, now] = [at(cycle - 1).weights, at(cycle).weights];
    return now.every((weight, i) => weight === before[i]) ? 0n : 1n;
  };
  return blocks.map(({ activations, activationScale }, cycle) => {
    const next = at(cycle + 2);
    return {
      block: joinBytes([next.weightScale, ...next.weights]),
      writes_block: changes(cycle + 2),
      lane: 0n,
      lane_byte: 0n,
      writes_lane: 0n,
      swap: changes(cycle + 1),
      swap_format: 1n,
      activation: joinBytes([activationScale, ...activations]),
      accumulated: wordOf(at(cycle - dotStages).sum),
    };
  });
}

/** What a lane does in turn, each operation with the register written before. */
const OPERATIONS: readonly Operation[] = ['multiply', 'add', 'multiply', 'larger'];

/** Values from memory with values of a neighbour: products, sums and comparisons, each saved and read. */
export function laneStreams(latency: number): Streams {
  const words = REGISTERS * latency;
  const operationAt = (cycle: number): Operation =>
    OPERATIONS[(cycle + OPERATIONS.length * latency) % OPERATIONS.length]!;
  return ({ values }) => ({
    vector: Array.from({ length: values.length >> 5 }, (_, cycle) => ({
      operation: BigInt(OPERATION_NAMES.indexOf(operationAt(cycle))),
      a: BigInt(A_SOURCES.indexOf('memory')),
      b: BigInt(B_SOURCES.indexOf(cycle % 2 === 0 ? 'register' : 'foldHigh')),
      form: 0n,
      constant: 0n,
      path: BigInt(PATHS.indexOf(pathOf(operationAt(cycle - latency)))),
      negate: 0n,
      masked: 0n,
      index: 0n,
      memory: wordOf(values[2 * cycle]!),
      fold_low: 0n,
      fold_high: wordOf(values[2 * cycle + 1]!),
      swap: 0n,
      read: 1n,
      read_address: BigInt(cycle % words),
      write: 1n,
      write_address: BigInt((cycle + latency) % words),
    })),
  });
}

function pathOf(operation: Operation): (typeof PATHS)[number] {
  if (operation === 'multiply') return 'product';
  return operation === 'add' ? 'sum' : 'simple';
}

/** Results of the vector unit, 32 a cycle, each block under its own scale. */
export function blockStreams({ values }: Recording): Record<string, Operands[]> {
  const blocks = Array.from({ length: values.length >> 5 }, (_, i) =>
    values.subarray(32 * i, 32 * i + 32),
  );
  return {
    vector: blocks.map((block) => ({
      values: joinBytes(new Uint8Array(block.slice().buffer)),
      exponent: exponentOf(block),
    })),
  };
}

/** The largest exponent, biased as in f32. */
function exponentOf(block: Float32Array): bigint {
  const words = new Uint32Array(block.slice().buffer);
  return BigInt(words.reduce((most, word) => Math.max(most, (word >>> 23) & 255), 0));
}

/** Byte 0 lowest. */
function joinBytes(bytes: ArrayLike<number>): bigint {
  return BigInt(`0x${Buffer.from(Array.from(bytes).toReversed()).toString('hex')}`);
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function wordOf(value: number): bigint {
  float[0] = value;
  return BigInt(word[0]!);
}
