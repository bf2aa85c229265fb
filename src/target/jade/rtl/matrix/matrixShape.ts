/** Sizes of the matrix unit that follow from the chip: what its modules and its timing have in common. */
import type { Chip } from '../../../../chip/index.ts';

/** Bits of row, column and k counts: what an instruction of the matrix unit may ask for is below 2^20. */
export const COUNT_BITS = 20;
/** Bytes of an activation block: its scale and 32 elements. */
export const ACTIVATION_BLOCK_BYTES = 33;

/** Cycles from the issue of a row, in the sequencer, to the request of its block: list look-up and address. */
export const ISSUE_STAGES = 6;
/** Cycles from a request to the local memory to its data. */
export const READ_STAGES = 3;
/** From issue to the block in the register that all columns see. */
export const OPERAND_STAGES = ISSUE_STAGES + READ_STAGES + 1;
/** Cycles from reading an accumulator to reading its new value, besides those of the adder. */
export const ACCUMULATOR_STAGES = READ_STAGES + 1;
/** Cycles that the loader waits for the number of rows, where that comes from the control memory. */
export const COUNT_STAGES = 4;

export interface MatrixShape {
  readonly columns: number;
  readonly portBytes: number;
  /** Stages of the f32 adder of a column. */
  readonly addStages: number;
  /** Stages from the operands of a column to its addend: products, sum, rounding to f32. */
  readonly dotStages: number;
  /** Width of the weights' blocks in bytes, and how many of them the loader takes in a cycle. */
  readonly formats: readonly { readonly blockBytes: number; readonly blocksPerCycle: number }[];
}

/** Bytes of a block of 32 elements with its scale. */
export function blockBytesOf(format: 'mxint8' | 'mxfp8' | 'mxfp4'): number {
  return format === 'mxfp4' ? 17 : ACTIVATION_BLOCK_BYTES;
}

export function matrixShape({ matrix }: Chip): MatrixShape {
  const { columns, pipelineCycles, accumulateCycles, weightPortBytesPerCycle: portBytes } = matrix;
  const addStages = accumulateCycles - ACCUMULATOR_STAGES;
  const dotStages = pipelineCycles - OPERAND_STAGES - addStages - 1;
  const formats = [matrix.activationFormat, matrix.weightFormat].map((format) => {
    const blockBytes = blockBytesOf(format);
    return { blockBytes, blocksPerCycle: Math.floor(portBytes / blockBytes) };
  });
  return { columns, portBytes, addStages, dotStages, formats };
}

/** Bits of a number of bytes of the weight port. */
export function windowBits({ portBytes }: MatrixShape): number {
  return Math.log2(portBytes) + 1;
}
