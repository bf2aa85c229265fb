/**
 * The vector unit: a walk over the rows, a sequencer of microcode, lanes, a quantiser. vector/README.md
 * says what it computes, vector/cycles.ts in how many cycles.
 */
import { defineModule, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { FIELD_CONSTANTS } from '../../vector/microOps.ts';
import { delayed, delayedBundle } from '../delay.ts';
import { dispatchListsModule } from './dispatchLists.ts';
import { issueModule } from './issue.ts';
import { FETCH, lanesModule } from './lanes.ts';
import { planOf, portOfField, VECTOR_FIELDS, type Plan } from './plan.ts';
import { quantizerModule } from './quantizer.ts';
import { rowsModule } from './rows.ts';
import { READ_CYCLES, sequencerModule } from './sequencer.ts';
import { vectorWidths, type VectorChip, type VectorWidths } from './shape.ts';
import { tokensModule } from './tokens.ts';

export { portOfField, VECTOR_FIELDS } from './plan.ts';

/** From an accumulator to the write of its window. */
const QUANTIZE = 2;
/** From the last choice of dispatch to its end. */
const DISPATCH_DRAIN = 5;
/** Bits of the number of a position register. */
const POSITION_BITS = 7;

/**
 * The unit of a chip with local addresses of `addressBits`. `start` takes the instruction whose opcode
 * and fields are there in that cycle; `retire` comes in the cycle of its last write. Reads answer three
 * cycles later.
 */
export function vectorUnit(chip: VectorChip, addressBits: number) {
  const widths = vectorWidths(chip, addressBits);
  const { lanes, bytesBits } = widths;
  return defineModule({
    name: 'vector_unit',
    comment: 'Runs the vector instructions.',
    inputs: {
      start: 1,
      opcode: 8,
      ...VECTOR_FIELDS,
      controlData: 32,
      position: 32,
      readData: 32 * lanes,
    },
    outputs: {
      ready: 1,
      retire: 1,
      fault: 1,
      controlValid: 1,
      controlAddress: addressBits,
      positionIndex: POSITION_BITS,
      readValid: 1,
      readAddress: addressBits,
      readBytes: bytesBits,
      writeValid: 1,
      writeAddress: addressBits,
      writeBytes: bytesBits,
      writeData: 32 * lanes,
      controlWriteValid: 1,
      controlWriteAddress: addressBits,
      controlWriteData: 32,
    },
    body: (inputs, m) => build(m, inputs, widths),
  });
}

type UnitInputs = Readonly<Record<string, Signal>>;

function build(m: ModuleBuilder, inputs: UnitInputs, widths: VectorWidths) {
  const plan = planOf(inputs['opcode']!, inputs, widths);
  const start = inputs['start']!;
  const code = start.and(plan.isDispatch.not()).named('startsMicrocode');
  const counts = readCounts(m, inputs, plan, code, widths);
  const { sequencer, rows, tokens } = sequence(m, inputs, plan, code, counts, widths);
  const datapath = compute(m, inputs, plan, { sequencer, rows }, widths);
  const lists = listTokens(m, inputs, plan, start, widths);

  const latency = FETCH + widths.contexts + QUANTIZE;
  const microcodeEnds = delayed(m, 'ends', sequencer.finish, latency - 1, { reset: 0 });
  const listsEnd = delayed(m, 'listsEnd', lists.finish, DISPATCH_DRAIN - 1, { reset: 0 });
  const ends = microcodeEnds.or(listsEnd);
  const busy = m.register('busy', 1, { reset: 0 });
  busy.set(start, start.or(ends));
  m.assert('startWhenReady', busy.and(start).not());
  return {
    ready: busy.not(),
    retire: m.delay('retire', ends, { reset: 0 }),
    fault: tokens.fault,
    controlValid: counts.asks.or(tokens.controlValid),
    controlAddress: counts.asks.mux(counts.address, tokens.controlAddress),
    positionIndex: counts.positionIndex,
    readValid: datapath.readValid.or(lists.readValid),
    readAddress: lists.readValid.mux(lists.readAddress, datapath.readAddress),
    readBytes: lists.readValid.mux(4, datapath.readBytes),
    writeValid: datapath.writeValid,
    writeAddress: datapath.writeAddress,
    writeBytes: datapath.writeBytes,
    writeData: datapath.writeData,
    controlWriteValid: lists.writeValid,
    controlWriteAddress: lists.writeAddress,
    controlWriteData: lists.writeData,
  };
}

/** The row count and the position: asked for in the cycle after the start. */
function readCounts(
  m: ModuleBuilder,
  inputs: UnitInputs,
  { hasCount, isLimited }: Plan,
  start: Signal,
  { addressBits }: VectorWidths,
) {
  const asks = m.delay('asksCount', start.and(hasCount), { reset: 0 });
  const limited = m.delay('asksPosition', start.and(isLimited), { reset: 0 });
  const arrives = READ_CYCLES - 1;
  return {
    asks,
    address: m.delay('countAddress', inputs['rowCount']!.low(addressBits), { enable: start }),
    positionIndex: m.delay('positionIndex', inputs[portOfField('sequence')]!.low(POSITION_BITS), {
      enable: start,
    }),
    countValid: delayed(m, 'countArrives', asks, arrives, { reset: 0 }),
    positionValid: delayed(m, 'positionArrives', limited, arrives, { reset: 0 }),
  };
}

interface Counts {
  readonly countValid: Signal;
  readonly positionValid: Signal;
}

/** The walk, the tokens and the sequencer, which wait for each other. */
function sequence(
  m: ModuleBuilder,
  inputs: UnitInputs,
  plan: Plan,
  start: Signal,
  { countValid, positionValid }: Counts,
  widths: VectorWidths,
) {
  const address = (name: string): Signal => inputs[name]!.low(widths.addressBits);
  const seek = m.wire('seek', 1);
  const advance = m.wire('advance', 1);
  const tokens = m.instance('tokenFinder', tokensModule(widths), {
    start,
    list: address(portOfField('list')),
    rows: plan.walk.rows,
    gate: address('gate'),
    gateStride: address('gateStride'),
    d: plan.walk.d,
    dStride: plan.walk.dStride,
    seek,
    controlData: inputs['controlData']!,
  });
  const rows = m.instance('walk', rowsModule(widths), {
    start,
    ...plan.walk,
    countValid,
    count: inputs['controlData']!,
    positionValid,
    position: inputs['position']!,
    advance,
    tokenValid: tokens.valid,
    tokenB: tokens.gateAddress,
    tokenD: tokens.sumsAddress,
  });
  const sequencer = m.instance('sequencer', sequencerModule(widths), {
    start,
    ...plan.sequence,
    hasItem: rows.valid,
    hasItemNext: rows.validNext,
    hasRowsNext: rows.rowsNext,
    tokenValid: tokens.valid,
  });
  seek.set(sequencer.seek);
  advance.set(sequencer.running.and(sequencer.firstSlot));
  return { sequencer, rows, tokens };
}

type Sequence = Pick<ReturnType<typeof sequence>, 'sequencer' | 'rows'>;

/** Loads, lanes, stores. */
function compute(
  m: ModuleBuilder,
  inputs: UnitInputs,
  plan: Plan,
  { sequencer, rows }: Sequence,
  widths: VectorWidths,
) {
  const { word, running, firstSlot, registers, column, step, groupStart, groupEnd } = sequencer;
  const keep = (name: string, signal: Signal): Signal =>
    m.delay(`${name}Field`, signal, { enable: inputs['start']! });
  const issue = m.instance('issuer', issueModule(widths), {
    ...{ word, running, firstSlot, column, step, groupStart, groupEnd },
    aTerm: sequencer.aTerm,
    bTerm: sequencer.bTerm,
    itemA: rows.itemA,
    itemB: rows.itemB,
    itemD: rows.itemD,
    itemColumns: rows.length,
    itemVisible: rows.visible,
    itemValid: rows.valid,
    columns: keep('columns', plan.columns),
    isMx: keep('isMx', plan.isMx),
    isBf16: keep('isBf16', plan.isBf16),
  });
  const { accumulators } = m.instance('laneArray', lanesModule(widths), {
    ...{ word, running, registers, column },
    form: issue.form,
    lowerLane: issue.lowerLane,
    upperLane: issue.upperLane,
    memory: inputs['readData']!,
    ...(Object.fromEntries(
      FIELD_CONSTANTS.map((name) => [name, keep(name, inputs[name]!)]),
    ) as Record<(typeof FIELD_CONSTANTS)[number], Signal>),
  });
  return {
    readValid: issue.readValid,
    readAddress: issue.readAddress,
    readBytes: issue.readBytes,
    ...storePort(m, issue, accumulators, keep('group', plan.group), widths),
  };
}

interface Stores {
  readonly writeValid: Signal;
  readonly writeAddress: Signal;
  readonly writeBytes: Signal;
  readonly writesBlocks: Signal;
  readonly measures: Signal;
  readonly isFirst: Signal;
  readonly isWide: Signal;
}

/** What is known a cycle after issue, when the accumulators are there and when they are written. */
function storePort(
  m: ModuleBuilder,
  { writeValid, writeAddress, writeBytes, writesBlocks, measures, isFirst, isWide }: Stores,
  values: Signal,
  group: Signal,
  widths: VectorWidths,
) {
  const toResult = FETCH - 1 + widths.contexts;
  const valid = delayed(m, 'storeArrives', writeValid, toResult, { reset: 0 });
  const late = delayedBundle(m, 'store', { writesBlocks, isFirst, isWide }, toResult);
  const { data } = m.instance('quantizer', quantizerModule(widths), {
    values,
    valid,
    isMx: late.writesBlocks,
    group,
    measures: delayed(m, 'measureArrives', measures, toResult, { reset: 0 }),
    isFirst: late.isFirst,
    isWide: late.isWide,
  });
  return {
    writeValid: delayed(m, 'writeArrives', valid, QUANTIZE, { reset: 0 }),
    writeAddress: delayedBundle(m, 'writeAddress', writeAddress, toResult + QUANTIZE),
    writeBytes: delayedBundle(m, 'writeBytes', writeBytes, toResult + QUANTIZE),
    writeData: data,
  };
}

function listTokens(
  m: ModuleBuilder,
  inputs: UnitInputs,
  plan: Plan,
  start: Signal,
  widths: VectorWidths,
) {
  const address = (name: string): Signal => inputs[name]!.low(widths.addressBits);
  return m.instance('dispatcher', dispatchListsModule(widths), {
    start: start.and(plan.isDispatch),
    a: plan.walk.a,
    aStride: plan.walk.aStride,
    rows: plan.walk.rows,
    columns: plan.columns,
    d: plan.walk.d,
    list: address(portOfField('list')),
    listStride: address('listStride'),
    word: inputs['readData']!.low(32),
  });
}
