/**
 * The matrix unit: a loader of weights, a sequencer of rows, and columns that multiply.
 *
 *   cycle  0  a row is issued                       (sequencer)
 *          6  its activation block is asked for     (local memory: 3 cycles)
 *         10  the block is in the register before the columns
 *   10 + d    its dot product with each column's weights is an f32 addend; the accumulators arrive
 *   + a       the sums are written
 *
 * with d = dotStages, a = addStages. Windows of weights take the same ten cycles, so a pass's weights
 * change places with those of the pass before just as its first row arrives.
 */
import type { Chip } from '../../../../chip/index.ts';
import { defineModule, joinLanes, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { FORMAT_CODES } from '../../isa.table.ts';
import type { DotFormats } from '../arith/dot.ts';
import { delayed } from '../delay.ts';
import { column } from './column.ts';
import {
  ACTIVATION_BLOCK_BYTES,
  ISSUE_STAGES,
  matrixShape,
  OPERAND_STAGES,
  READ_STAGES,
  windowBits,
  type MatrixShape,
} from './matrixShape.ts';
import { rowSequencer, SEQUENCER_FIELDS } from './rowSequencer.ts';
import { LOADER_FIELDS, weightLoader } from './weightLoader.ts';
import { steerWeights } from './weightSteering.ts';

/** Fields of the instruction that the unit reads. */
export const MATRIX_FIELDS = { ...SEQUENCER_FIELDS, ...LOADER_FIELDS };

/** `addressBits`: of an address on the chip. */
export function matrixUnit(chip: Chip, addressBits: number) {
  const shape = matrixShape(chip);
  const { columns } = shape;
  return defineModule({
    name: 'matrix_unit',
    comment: 'Loads weights, issues rows of activations, multiplies, accumulates.',
    inputs: {
      start: 1,
      ...MATRIX_FIELDS,
      controlData: 32,
      listData: 32,
      weightData: 8 * shape.portBytes,
      activationData: 8 * ACTIVATION_BLOCK_BYTES,
      accumulatorData: 32 * columns,
    },
    outputs: {
      ready: 1,
      retire: 1,
      fault: 1,
      controlValid: 1,
      controlAddress: addressBits,
      listValid: 1,
      listAddress: addressBits,
      weightValid: 1,
      weightAddress: addressBits,
      weightBytes: windowBits(shape),
      activationValid: 1,
      activationAddress: addressBits,
      accumulatorReadValid: 1,
      accumulatorReadAddress: addressBits,
      accumulatorReadBytes: widthBits(columns),
      accumulatorWriteValid: 1,
      accumulatorWriteAddress: addressBits,
      accumulatorWriteBytes: widthBits(columns),
      accumulatorWriteData: 32 * columns,
    },
    body: (inputs, m) => build(m, inputs, chip, shape, addressBits),
  });
}

export type MatrixUnit = ReturnType<typeof matrixUnit>;

/** Bits of a number of bytes of an accumulator row. */
function widthBits(columns: number): number {
  return Math.log2(4 * columns) + 1;
}

type UnitInputs = Readonly<Record<string, Signal>>;

function pick<K extends string>(
  inputs: UnitInputs,
  names: Readonly<Record<K, number>>,
): Record<K, Signal> {
  const keys = Object.keys(names) as K[];
  return Object.fromEntries(keys.map((name) => [name, inputs[name]!])) as Record<K, Signal>;
}

function build(
  m: ModuleBuilder,
  inputs: UnitInputs,
  chip: Chip,
  shape: MatrixShape,
  addressBits: number,
) {
  const { activationFormat: activation, weightFormat: weight } = chip.matrix;
  const take = m.wire('take', 1);
  const start = inputs['start']!;
  const loader = m.instance('loader', weightLoader(shape, addressBits, FORMAT_CODES[weight]), {
    start,
    take,
    controlData: inputs['controlData']!,
    ...pick(inputs, LOADER_FIELDS),
  });
  const { blockReady, blockEmpty, blockFirst, blockNewTile, blockLast, blockRows } = loader;
  const rows = m.instance(
    'sequencer',
    rowSequencer(shape.columns, chip.matrix.accumulateCycles, addressBits),
    {
      start,
      controlData: inputs['listData']!,
      ...{ blockReady, blockEmpty, blockFirst, blockNewTile, blockLast, blockRows },
      ...pick(inputs, SEQUENCER_FIELDS),
    },
  );
  take.set(rows.take);

  const width = m.delay('passWidth', loader.blockWidth, { enable: take });
  const { continues, ...ports } = accumulatorPorts(m, rows, width, shape);
  const sums = columnSums(m, inputs, loader, take, continues, shape, { activation, weight });
  return {
    ready: loader.ready,
    retire: delayed(m, 'retire', rows.finished, chip.matrix.pipelineCycles, { reset: 0 }),
    fault: rows.fault,
    controlValid: loader.controlValid,
    controlAddress: loader.controlAddress,
    listValid: rows.controlValid,
    listAddress: rows.controlAddress,
    weightValid: delayed(m, 'weightValid', loader.requestValid, ISSUE_STAGES, { reset: 0 }),
    weightAddress: delayed(m, 'weightAddress', loader.requestAddress, ISSUE_STAGES),
    weightBytes: delayed(m, 'weightBytes', loader.requestBytes, ISSUE_STAGES),
    activationValid: rows.blockValid,
    activationAddress: rows.blockAddress,
    ...ports,
    accumulatorWriteData: sums,
  };
}

interface RowOutputs {
  readonly rowValid: Signal;
  readonly accumulatorAddress: Signal;
  readonly accumulatorRead: Signal;
}

/** Reads and writes of accumulator rows: what the sequencer says, one cycle after issue, in their cycles. */
function accumulatorPorts(m: ModuleBuilder, rows: RowOutputs, width: Signal, shape: MatrixShape) {
  const toRead = OPERAND_STAGES + shape.dotStages - READ_STAGES - 1;
  const toWrite = READ_STAGES + shape.addStages;
  const bits = widthBits(shape.columns);
  const valid = delayed(m, 'rowToRead', rows.rowValid, toRead, { reset: 0 });
  const address = delayed(m, 'addressToRead', rows.accumulatorAddress, toRead);
  const reads = delayed(m, 'readsToRead', rows.accumulatorRead, toRead);
  const bytes = delayed(m, 'widthToRead', width, toRead).zeroExtend(bits).shl(2).named('rowBytes');
  return {
    /** With the data: the sum goes on from what the accumulator holds, instead of from +0. */
    continues: delayed(m, 'continues', reads, READ_STAGES),
    accumulatorReadValid: valid.and(reads),
    accumulatorReadAddress: address,
    accumulatorReadBytes: bytes,
    accumulatorWriteValid: delayed(m, 'rowToWrite', valid, toWrite, { reset: 0 }),
    accumulatorWriteAddress: delayed(m, 'addressToWrite', address, toWrite),
    accumulatorWriteBytes: delayed(m, 'bytesToWrite', bytes, toWrite),
  };
}

interface LoaderOutputs {
  readonly requestValid: Signal;
  readonly stepTransposed: Signal;
  readonly stepPacked: Signal;
  readonly stepFormat: Signal;
  readonly stepIndex: Signal;
  readonly blockFormat: Signal;
  readonly blockEmpty: Signal;
}

/** The columns with their weights and operands; sums of column 0 lowest. */
function columnSums(
  m: ModuleBuilder,
  inputs: UnitInputs,
  loader: LoaderOutputs,
  take: Signal,
  continues: Signal,
  shape: MatrixShape,
  formats: DotFormats,
): Signal {
  const arrival = ISSUE_STAGES + READ_STAGES;
  const arriving = (name: string, signal: Signal): Signal => delayed(m, name, signal, arrival);
  const step = {
    valid: delayed(m, 'stepValid', loader.requestValid, arrival, { reset: 0 }),
    transposed: arriving('stepTransposed', loader.stepTransposed),
    packed: arriving('stepPacked', loader.stepPacked),
    isWeightFormat: arriving('stepFormat', loader.stepFormat),
    index: arriving('stepIndex', loader.stepIndex),
    window: inputs['weightData']!,
  };
  const writes = steerWeights(step, shape, formats);
  const swap = delayed(m, 'swap', take.and(loader.blockEmpty.not()), arrival, { reset: 0 });
  const swapFormat = arriving('swapFormat', loader.blockFormat);
  const activation = m.delay('activation', inputs['activationData']!);
  const accumulators = inputs['accumulatorData']!.lanes(32);
  const module = column(shape, formats);
  const sums = writes.map((write, n) => {
    const accumulated = continues.mux(accumulators[n]!, 0).named(`accumulated${n}`);
    return m.instance(`column${n}`, module, { ...write, swap, swapFormat, activation, accumulated })
      .sum;
  });
  return joinLanes(sums);
}
