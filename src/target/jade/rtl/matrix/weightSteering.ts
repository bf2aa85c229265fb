/**
 * From windows of the weight port to the shadow registers of the columns.
 *
 * Packed, a window holds blocks for neighbouring columns: column c listens to block c mod q of the
 * window in step ⌊c / q⌋, so nothing has to be shifted. By row, every column listens to the first block.
 * Transposed, a window holds one lane for all columns, with a scale byte before each 32 of them.
 */
import { joinLanes, type Signal } from '../../../../hdl/index.ts';
import { decodeMxfp4, type DotFormats } from '../arith/dot.ts';
import type { MatrixShape } from './matrixShape.ts';

/** A step of the loader whose window arrives. */
export interface Step {
  readonly valid: Signal;
  readonly transposed: Signal;
  readonly packed: Signal;
  /** 1: the weights are in the chip's weight format; 0: in that of its activations. */
  readonly isWeightFormat: Signal;
  /** First column, or lane. */
  readonly index: Signal;
  readonly window: Signal;
}

/** What one column takes from a step: a block, or one element. */
export interface ColumnWrite {
  readonly block: Signal;
  readonly writesBlock: Signal;
  readonly lane: Signal;
  readonly laneByte: Signal;
  readonly writesLane: Signal;
}

/** One write a column. */
export function steerWeights(step: Step, shape: MatrixShape, formats: DotFormats): ColumnWrite[] {
  const slots = slotsOf(step.window, shape, formats);
  const writesBlock = step.valid.and(step.transposed.not());
  const writesLane = step.valid.and(step.transposed).named('writesLane');
  const blocks = new Map<string, Signal>(); // by their places in a window, which columns share
  return Array.from({ length: shape.columns }, (_, column) => {
    const places = slots.map(({ length }) => column % length);
    return {
      block: blocks.getOrInsertComputed(places.join(), () => blockAt(step, slots, places)),
      writesBlock: writesBlock.and(listens(step, slots, column)),
      lane: step.index.low(5),
      laneByte: transposedByte(step.window, shape.columns, column),
      writesLane,
    };
  });
}

/** The block of a window in its place, of each format; the first where a window holds one for all columns. */
function blockAt(
  { packed, isWeightFormat }: Step,
  slots: readonly Signal[][],
  places: readonly number[],
): Signal {
  const [activation, weight] = slots.map((blocks, i) => blocks[places[i]!]!);
  const first = isWeightFormat.mux(slots[1]![0]!, slots[0]![0]!);
  return packed.mux(isWeightFormat.mux(weight!, activation!), first);
}

/** Whether a column's block is in this step's window. */
function listens(
  { packed, isWeightFormat, index }: Step,
  slots: readonly Signal[][],
  column: number,
): Signal {
  const steps = slots.map(({ length }) => index.eq(column - (column % length)));
  return packed.mux(isWeightFormat.mux(steps[1]!, steps[0]!), index.eq(column));
}

/** The blocks of a window, scale byte low, elements as bytes: in the format of activations, of weights. */
function slotsOf(window: Signal, shape: MatrixShape, formats: DotFormats): Signal[][] {
  return shape.formats.map(({ blockBytes, blocksPerCycle }) =>
    Array.from({ length: blocksPerCycle }, (_, i) => {
      const block = window.slice(8 * blockBytes * (i + 1) - 1, 8 * blockBytes * i);
      return blockBytes === 17 ? widen(block, formats.activation) : block;
    }),
  );
}

/** A block of 4-bit elements with a byte for each. */
function widen(block: Signal, activation: DotFormats['activation']): Signal {
  const elements = block.high(128).lanes(4);
  return joinLanes([block.low(8), ...elements.map((nibble) => decodeMxfp4(nibble, activation))]);
}

function transposedByte(window: Signal, columns: number, column: number): Signal {
  const at = columns < 32 ? column : Math.floor(column / 32) * 33 + (column % 32);
  return window.slice(8 * at + 7, 8 * at);
}
