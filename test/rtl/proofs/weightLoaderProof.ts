/**
 * What the weight loader promises: pass (tile n, block k) asks, step by step, for
 *
 *   packed        w + n·columns·wStride + k·wBlockStride + step·(blocks a cycle)·(bytes of a block)
 *   by row        w + n·columns·wStride + k·wBlockStride + step·wStride
 *   transposed    w + 1 + (32·k + step)·wStride + the columns' place in a row of blocks
 *
 * in this order and nothing else, from column or lane 0 until all of the pass are asked for. Addresses
 * have few bits here: each bit depends only on lower ones.
 *
 * Assumed: a pass is taken when it is offered, an instruction starts when the loader is ready, with at
 * least one block and one column.
 */
import { constant, defineModule, type ModuleBuilder, type Signal } from '../../../src/hdl/index.ts';
import { FORMAT_CODES } from '../../../src/target/jade/isa.table.ts';
import { COUNT_BITS, type MatrixShape } from '../../../src/target/jade/rtl/matrix/matrixShape.ts';
import { LOADER_FIELDS, weightLoader } from '../../../src/target/jade/rtl/matrix/weightLoader.ts';
import { peek } from '../peek.ts';
import { implies } from './conditions.ts';

const BITS = 6;
const BLOCK_BITS = COUNT_BITS - 5;
const [LOADING, FULL] = [2, 3];

/** 16 columns of jade-nano: a block of 33 bytes a cycle, or three of 17. */
const SHAPE: MatrixShape = {
  columns: 16,
  portBytes: 64,
  addStages: 1,
  dotStages: 1,
  formats: [
    { blockBytes: 33, blocksPerCycle: 1 },
    { blockBytes: 17, blocksPerCycle: 3 },
  ],
};

type Named = Readonly<Record<string, Signal>>;

const INSIDE = {
  stateNow: 'state',
  requestNow: 'request',
  loadedNow: 'loaded',
  passNow: 'pass_address',
  tileNow: 'tile_address',
  blocksLeftNow: 'blocks_left',
  columnsLeftNow: 'columns_left',
  halfNow: 'half',
  isPackedNow: 'is_packed',
  isWeightNow: 'is_weight_format',
  isTransposedNow: 'is_transposed',
  wStrideNow: 'w_stride_field',
  wBlockStrideNow: 'w_block_stride_field',
  blocksNow: 'blocks',
};

export function weightLoaderProof() {
  const unit = weightLoader(SHAPE, BITS, FORMAT_CODES.mxfp4);
  const inputs = Object.fromEntries(
    Object.entries<Signal>(unit.inputs).map(([port, { width }]) => [port, width]),
  );
  return defineModule({
    name: 'weight_loader_proof',
    inputs,
    outputs: {},
    body(ports: Named, m) {
      const dut = m.instance('dut', peek(unit, INSIDE), ports as never) as Named;
      const fields = keepFields(m, ports, dut);
      const at = followSteps(m, ports, dut, fields);
      proveAddresses(m, dut, fields, at);
      return {};
    },
  });
}

type Fields = Record<keyof typeof LOADER_FIELDS, Signal> & { readonly isPacked: Signal };

/** The fields of the instruction at work. */
function keepFields(m: ModuleBuilder, ports: Named, dut: Named): Fields {
  const start = ports['start']!;
  m.assume('startsWhenReady', implies(start, dut['ready']!));
  m.assume('takesWhatIsOffered', implies(ports['take']!, dut['blockReady']!));
  m.assume('hasColumns', implies(start, ports['columns']!.low(COUNT_BITS).reduceOr()));
  m.assume('hasBlocks', implies(start, ports['k']!.slice(COUNT_BITS - 1, 5).reduceOr()));
  m.assume('isTransposedOrNot', implies(start, ports['transposed']!.ltU(2)));
  const names = Object.keys(LOADER_FIELDS) as (keyof typeof LOADER_FIELDS)[];
  const used = names.map((name) => [name, m.delay(`${name}Used`, ports[name]!, { enable: start })]);
  const fields = Object.fromEntries(used) as Fields;
  const blockBytes = isWeight(fields).mux(constant(32, 17), 33);
  const isPacked = fields.wStride.eq(blockBytes).and(fields.transposed.bit(0).not());
  const kept: readonly (readonly [string, Signal])[] = [
    ['isPackedNow', isPacked],
    ['isWeightNow', isWeight(fields)],
    ['isTransposedNow', fields.transposed.bit(0)],
    ['wStrideNow', fields.wStride.low(BITS)],
    ['wBlockStrideNow', fields.wBlockStride.low(BITS)],
    ['blocksNow', fields.k.slice(COUNT_BITS - 1, 5)],
  ];
  for (const [name, value] of kept) {
    m.assert(`keeps_${name}`, implies(dut['ready']!.not(), dut[name]!.eq(value)));
  }
  return { ...fields, isPacked };
}

function isWeight({ wFormat }: Pick<Fields, 'wFormat'>): Signal {
  return wFormat.low(3).eq(FORMAT_CODES.mxfp4);
}

/** Where a loader that does one thing after another is. */
interface Place {
  readonly step: Signal;
  readonly k: Signal;
  readonly tile: Signal;
}

function followSteps(m: ModuleBuilder, ports: Named, dut: Named, fields: Fields): Place {
  const [start, take] = [ports['start']!, ports['take']!];
  const step = m.register('step', COUNT_BITS, { reset: 0 });
  const k = m.register('block', BLOCK_BITS, { reset: 0 });
  const tile = m.register('tile', COUNT_BITS, { reset: 0 });
  const blocks = fields.k.slice(COUNT_BITS - 1, 5);
  const lastBlock = k.add(1).eq(blocks).named('lastBlock');
  const change = start.or(take);
  const loading = dut['stateNow']!.eq(LOADING);
  const steps = stepsOf(m, fields, tile);
  const lastStep = step.add(1).geU(steps).named('lastStep');
  step.set(change.mux(0, step.add(1)), change.or(loading.and(lastStep.not())));
  k.set(start.or(lastBlock).mux(0, k.add(1)), change);
  tile.set(start.mux(0, tile.add(1)), start.or(take.and(lastBlock)));
  const done = dut['stateNow']!.eq(FULL).and(dut['blockEmpty']!.not());
  m.assert('asksOnlyWhileLoading', dut['requestValid']!.eq(loading));
  m.assert('asksForAll', implies(done, lastStep));
  const busy = dut['ready']!.not();
  const wide = fields.isPacked.and(isWeight(fields)).mux(step.add(step).add(step), step);
  m.assert('countsSteps', implies(busy, dut['loadedNow']!.zeroExtend(COUNT_BITS).eq(wide)));
  m.assert('staysInThePass', implies(busy, step.ltU(steps)));
  m.assert('countsBlocks', implies(dut['ready']!.not(), dut['blocksLeftNow']!.eq(blocks.sub(k))));
  const tileColumns = tile.shl(Math.log2(SHAPE.columns));
  const left = fields.columns.low(COUNT_BITS).sub(tileColumns);
  m.assert('countsColumns', implies(dut['ready']!.not(), dut['columnsLeftNow']!.eq(left)));
  m.assert('staysInside', implies(dut['ready']!.not(), k.ltU(blocks).and(left.reduceOr())));
  return { step, k, tile };
}

/** Steps of a pass: windows of packed blocks, blocks, or lanes. */
function stepsOf(m: ModuleBuilder, fields: Fields, tile: Signal): Signal {
  const left = fields.columns.low(COUNT_BITS).sub(tile.shl(Math.log2(SHAPE.columns)));
  const isLast = left.ltU(SHAPE.columns + 1);
  const width = isLast.mux(left, SHAPE.columns).named('widthOfTile');
  const three = m.wire('windowsOfThree', COUNT_BITS);
  const counts = Array.from({ length: SHAPE.columns + 1 }, (_, n) => Math.ceil(n / 3));
  three.set(width.low(5).choose(counts.map((count) => constant(COUNT_BITS, count))));
  const blocks = fields.isPacked.and(isWeight(fields)).mux(three, width);
  return fields.transposed.bit(0).mux(32, blocks).named('stepsOfPass');
}

function times(a: Signal, b: Signal): Signal {
  return a.low(BITS).mulU(b.low(BITS)).low(BITS);
}

function proveAddresses(
  m: ModuleBuilder,
  dut: Named,
  fields: Fields,
  { step, k, tile }: Place,
): void {
  const of = (name: string): Signal => dut[name]!;
  const transposed = fields.transposed.bit(0);
  const [rows, blocks] = [fields.wStride, fields.wBlockStride];
  const byRow = times(tile.shl(Math.log2(SHAPE.columns)), rows);
  // Two tiles of 16 columns are the halves of a block.
  const halves = times(tile.shr(1), blocks).add(
    times(tile.bit(0).zeroExtend(BITS), constant(BITS, 16)),
  );
  const origin = fields.w.low(BITS).add(transposed.zeroExtend(BITS));
  const ofTile = origin.add(transposed.mux(halves, byRow)).named('addressOfTile');
  const lanes = times(k.shl(5), rows);
  const ofPass = ofTile.add(transposed.mux(lanes, times(k, blocks))).named('addressOfPass');
  const window = isWeight(fields).mux(constant(BITS, 51), 33);
  const stride = fields.isPacked.mux(window, rows.low(BITS));
  const busy = of('ready').not();
  m.assert('keepsTheTile', implies(busy, of('tileNow').eq(ofTile)));
  m.assert('keepsThePass', implies(busy, of('passNow').eq(ofPass)));
  m.assert('keepsTheHalf', implies(busy, of('halfNow').eq(tile.bit(0))));
  m.assert('asksForItsWindow', implies(busy, of('requestNow').eq(ofPass.add(times(step, stride)))));
  m.assert('shownIsAsked', of('requestAddress').eq(of('requestNow')));
}
