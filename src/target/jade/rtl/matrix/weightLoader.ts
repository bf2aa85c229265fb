/**
 * Brings the weights of one pass after another, each a tile of columns at one block of k, from the
 * scratchpad into the shadow registers of the columns, while the array works on the pass before.
 *
 * A pass is loaded in steps of one window: packed, as many blocks as fit the port; by row, one block;
 * transposed, one lane of all columns. When all is on its way, `blockReady` offers the pass to the
 * array, which accepts with `take`; the first request of the next pass leaves in the cycle after.
 */
import {
  constant,
  defineModule,
  type Module,
  type ModuleBuilder,
  type Register,
  type Signal,
} from '../../../../hdl/index.ts';
import { FORMAT_CODES, NONE } from '../../isa.table.ts';
import { COUNT_BITS, COUNT_STAGES, windowBits, type MatrixShape } from './matrixShape.ts';

const IDLE = 0;
const COUNTING = 1;
const LOADING = 2;
const FULL = 3;

/** Fields of the instruction that the loader reads. */
export const LOADER_FIELDS = {
  rows: 32,
  k: 32,
  w: 32,
  wStride: 32,
  wBlockStride: 32,
  wFormat: 32,
  columns: 32,
  transposed: 32,
  rowCount: 32,
} as const;

const LANE_BITS = 5;

type Format = MatrixShape['formats'][number];

/** Inputs beside the fields: `start` with an instruction, the array's `take`, the number of rows. */
export type LoaderInputs = typeof LOADER_FIELDS & { start: 1; take: 1; controlData: 32 };

export interface LoaderOutputs {
  readonly [port: string]: number;
  /** An instruction may start. */
  ready: 1;
  controlValid: 1;
  controlAddress: number;
  /** A window of weights is asked for, at this address; and where its bytes go. */
  requestValid: 1;
  requestAddress: number;
  requestBytes: number;
  stepTransposed: 1;
  stepPacked: 1;
  stepFormat: 1;
  /** First column of the step; or its lane, when transposed. */
  stepIndex: number;
  /** A pass for the array, and what it is: without rows, the first of its instruction or tile, the last. */
  blockReady: 1;
  blockEmpty: 1;
  blockFirst: 1;
  blockNewTile: 1;
  blockLast: 1;
  blockTransposed: 1;
  blockFormat: 1;
  /** Rows of the instruction, and columns of the tile. */
  blockRows: typeof COUNT_BITS;
  blockWidth: number;
}

type Inputs = { readonly [K in keyof LoaderInputs]: Signal };

export function weightLoader(
  shape: MatrixShape,
  addressBits: number,
  weightCode: number,
): Module<LoaderInputs, LoaderOutputs> {
  const indexBits = Math.log2(Math.max(shape.columns, 32)) + 1;
  return defineModule({
    name: 'weight_loader',
    comment:
      'Loads the weights of one pass after another into the shadow registers of the columns.',
    inputs: { start: 1, take: 1, controlData: 32, ...LOADER_FIELDS },
    outputs: {
      ready: 1,
      controlValid: 1,
      controlAddress: addressBits,
      requestValid: 1,
      requestAddress: addressBits,
      requestBytes: windowBits(shape),
      stepTransposed: 1,
      stepPacked: 1,
      stepFormat: 1,
      stepIndex: indexBits,
      blockReady: 1,
      blockEmpty: 1,
      blockFirst: 1,
      blockNewTile: 1,
      blockLast: 1,
      blockTransposed: 1,
      blockFormat: 1,
      blockRows: COUNT_BITS,
      blockWidth: indexBits,
    },
    body: (inputs, m) => new Loader(m, inputs, shape, addressBits, indexBits, weightCode).outputs(),
  });
}

/** The registers of the loader and what moves them; built once. */
class Loader {
  private readonly m: ModuleBuilder;
  private readonly inputs: Inputs;
  private readonly shape: MatrixShape;
  private readonly addressBits: number;
  private readonly indexBits: number;
  private readonly state: Register;
  private readonly rows: Register;
  private readonly wait: Register;
  private readonly field: ReturnType<typeof captureFields>;

  constructor(
    m: ModuleBuilder,
    inputs: Inputs,
    shape: MatrixShape,
    addressBits: number,
    indexBits: number,
    weightCode: number,
  ) {
    this.m = m;
    this.inputs = inputs;
    this.shape = shape;
    this.addressBits = addressBits;
    this.indexBits = indexBits;
    this.field = captureFields(m, inputs, shape, addressBits, weightCode);
    this.state = m.register('state', 2, {
      reset: IDLE,
      comment: '0 idle, 1 counting, 2 loading, 3 full',
    });
    this.rows = m.register('rowsOfInstruction', COUNT_BITS);
    this.wait = m.register('countWait', 2);
  }

  outputs() {
    const { state, rows, field, inputs } = this;
    const counted = this.countRows();
    const position = this.position();
    const empty = rows.eq(0).named('empty');
    const last = empty.or(position.lastPass).named('last');
    const first = this.m.register('first', 1);
    first.set(inputs.start, inputs.start.or(inputs.take));
    this.nextState(counted, position.lastStep, last);
    const loading = state.eq(LOADING);
    return {
      ready: state.eq(IDLE),
      controlValid: state.eq(COUNTING).and(this.wait.eq(0)),
      controlAddress: field.rowCount,
      requestValid: loading,
      requestAddress: position.request,
      requestBytes: this.stepBytes(position),
      stepTransposed: field.transposed,
      stepPacked: field.packed,
      stepFormat: field.format,
      stepIndex: position.loaded,
      blockReady: state.eq(FULL),
      blockEmpty: empty,
      blockFirst: first,
      blockNewTile: position.newTile,
      blockLast: last,
      blockTransposed: field.transposed,
      blockFormat: field.format,
      blockRows: rows,
      blockWidth: position.width,
    };
  }

  /** Waits for the number of rows, where the control memory has it, and keeps it within 0 … rows. */
  private countRows(): { readonly done: Signal; readonly zero: Signal } {
    const { inputs, state, wait, rows, field } = this;
    const counting = state.eq(COUNTING);
    wait.set(counting.mux(wait.add(1), 0));
    const done = counting.and(wait.eq(COUNT_STAGES - 1)).named('counted');
    const limit = field.rows;
    const negative = inputs.controlData.high(1);
    const above = inputs.controlData.ltU(limit.zeroExtend(32)).not();
    const clamped = negative.mux(0, above.mux(limit, inputs.controlData.low(COUNT_BITS)));
    const count = clamped.named('clampedCount');
    rows.set(inputs.start.mux(inputs.rows.low(COUNT_BITS), count), inputs.start.or(done));
    return { done, zero: count.eq(0) };
  }

  private nextState(
    counted: ReturnType<Loader['countRows']>,
    lastStep: Signal,
    last: Signal,
  ): void {
    const { state, inputs } = this;
    const known = inputs.rowCount.eq(NONE);
    const begin = known.mux(inputs.rows.eq(0).mux(constant(2, FULL), LOADING), COUNTING);
    const idle = inputs.start.mux(begin, constant(2, IDLE));
    const counting = counted.done.mux(counted.zero.mux(constant(2, FULL), LOADING), COUNTING);
    const loading = lastStep.mux(constant(2, FULL), LOADING);
    const full = inputs.take.mux(last.mux(constant(2, IDLE), LOADING), FULL);
    state.set(state.choose([idle, counting, loading, full]));
  }

  /** Where the loader is: step in the pass, block of k, tile of columns. */
  private position() {
    const { m, inputs, field, shape, state } = this;
    const { start, take } = inputs;
    const loaded = m.register('loaded', this.indexBits, {
      comment: 'columns (transposed: lanes) of this pass',
    });
    const request = m.register('request', this.addressBits);
    const pass = m.register('passAddress', this.addressBits);
    const tile = m.register('tileAddress', this.addressBits);
    const blocksLeft = m.register('blocksLeft', COUNT_BITS - LANE_BITS);
    const columnsLeft = m.register('columnsLeft', COUNT_BITS);
    const newTile = m.register('newTile', 1);

    const lastTile = columnsLeft.ltU(shape.columns + 1).named('lastTile');
    const width = lastTile.mux(columnsLeft.low(this.indexBits), shape.columns).named('width');
    const limit = field.transposed.mux(32, width);
    const after = loaded.add(field.increment).named('loadedAfter');
    const lastStep = after.geU(limit).named('lastStep');
    const advance = state.eq(LOADING).and(lastStep.not());

    const lastBlock = blocksLeft.eq(1).named('lastBlock');
    const nextTile = tile.add(this.tileStride(take.and(lastBlock))).named('nextTile');
    const nextPass = lastBlock.mux(nextTile, pass.add(field.blockStride)).named('nextPass');
    const origin = inputs.w
      .low(this.addressBits)
      .add(inputs.transposed.low(1).zeroExtend(this.addressBits))
      .named('origin');
    const change = start.or(take);
    const blocks = inputs.k.slice(COUNT_BITS - 1, LANE_BITS);

    loaded.set(change.mux(0, after), change.or(advance));
    request.set(
      start.mux(origin, take.mux(nextPass, request.add(field.stepStride))),
      change.or(advance),
    );
    pass.set(start.mux(origin, nextPass), change);
    tile.set(start.mux(origin, nextTile), start.or(take.and(lastBlock)));
    blocksLeft.set(start.mux(blocks, lastBlock.mux(field.blocks, blocksLeft.sub(1))), change);
    columnsLeft.set(
      start.mux(inputs.columns.low(COUNT_BITS), columnsLeft.sub(shape.columns)),
      start.or(take.and(lastBlock)),
    );
    newTile.set(start.or(lastBlock), change);
    return { loaded, request, width, lastStep, newTile, lastPass: lastBlock.and(lastTile) };
  }

  /** Bytes of the window that this step needs: whole blocks, or one lane of all columns with the scales between. */
  private stepBytes({
    loaded,
    width,
    lastStep,
  }: Pick<ReturnType<Loader['position']>, 'loaded' | 'width' | 'lastStep'>): Signal {
    const { field, shape } = this;
    const bits = windowBits(shape);
    const blocks = lastStep
      .and(field.packed)
      .mux(width.sub(loaded), field.increment)
      .zeroExtend(bits);
    const [small, large] = [blocks.shl(4).add(blocks), blocks.shl(5).add(blocks)];
    const [activation, weight] = shape.formats as readonly [Format, Format];
    const size = ({ blockBytes }: Format): Signal => (blockBytes === 17 ? small : large);
    const lane = width.zeroExtend(bits);
    const scales = lane.shr(LANE_BITS);
    const laneBytes = shape.columns < 32 ? lane : lane.add(scales).sub(1);
    return field.transposed.mux(laneBytes, field.format.mux(size(weight), size(activation)));
  }

  /** Bytes from a tile of columns to the next; transposed tiles of 16 columns are halves of a block. */
  private tileStride(step: Signal): Signal {
    const { m, field, shape, inputs } = this;
    const byRow = field.wStride.shl(Math.log2(shape.columns));
    if (shape.columns >= 32) {
      return field.transposed.mux(field.wBlockStride.shl(Math.log2(shape.columns / 32)), byRow);
    }
    const half = m.register('half', 1, { comment: 'transposed: the second half of a block' });
    half.set(inputs.start.mux(0, half.not()), inputs.start.or(step));
    const rest = field.wBlockStride.sub(shape.columns);
    return field.transposed.mux(half.mux(rest, shape.columns), byRow);
  }
}

/** The fields of the instruction that last started, and what follows from them. */
function captureFields(
  m: ModuleBuilder,
  inputs: Inputs,
  shape: MatrixShape,
  addressBits: number,
  weightCode: number,
) {
  const { start } = inputs;
  const keep = (name: string, value: Signal): Register => m.delay(name, value, { enable: start });
  const address = (name: 'wStride' | 'wBlockStride' | 'rowCount'): Register =>
    keep(`${name}Field`, inputs[name].low(addressBits));
  const [activation, weight] = shape.formats as readonly [Format, Format];
  const isWeight = inputs.wFormat.low(3).eq(weightCode);
  const block = isWeight.mux(constant(32, weight.blockBytes), activation.blockBytes);
  const format = keep('isWeightFormat', isWeight);
  const transposed = keep('isTransposed', inputs.transposed.low(1));
  const packed = keep('isPacked', inputs.wStride.eq(block).and(inputs.transposed.low(1).not()));
  const [wStride, wBlockStride] = [address('wStride'), address('wBlockStride')];
  const bits = Math.log2(Math.max(shape.columns, 32)) + 1;
  const perCycle = format.mux(constant(bits, weight.blocksPerCycle), activation.blocksPerCycle);
  const perStep = format.mux(
    constant(addressBits, weight.blocksPerCycle * weight.blockBytes),
    activation.blocksPerCycle * activation.blockBytes,
  );
  return {
    format,
    transposed,
    packed,
    wStride,
    wBlockStride,
    rowCount: address('rowCount'),
    rows: keep('rowLimit', inputs.rows.low(COUNT_BITS)),
    blocks: keep('blocks', inputs.k.slice(COUNT_BITS - 1, LANE_BITS)),
    increment: packed.mux(perCycle, 1).named('increment'),
    stepStride: packed.mux(perStep, wStride).named('stepStride'),
    blockStride: transposed.mux(wStride.shl(LANE_BITS), wBlockStride).named('blockStride'),
  };
}

/** The code in `wFormat` of the chip's weight format. */
export function weightFormatCode(format: 'mxint8' | 'mxfp8' | 'mxfp4'): number {
  return FORMAT_CODES[format];
}
