/**
 * Takes passes from the loader and issues the rows of activations of each, one a cycle: the address of
 * the activation block, of the accumulator row, and when the instruction is complete.
 *
 * A row issued in cycle i asks for its block in cycle i + 6; between lie the look-up of `rowList` and
 * one multiplication. A pass lasts as long as its rows, and at least as long as an accumulator takes to
 * show its new value.
 */
import {
  constant,
  defineModule,
  type Module,
  type ModuleBuilder,
  type Register,
  type Signal,
} from '../../../../hdl/index.ts';
import { NONE } from '../../isa.table.ts';
import { delayed } from '../delay.ts';
import { ACTIVATION_BLOCK_BYTES, COUNT_BITS } from './matrixShape.ts';

/** Fields of the instruction that the sequencer reads. */
export const SEQUENCER_FIELDS = {
  a: 32,
  aStride: 32,
  aInner: 32,
  rows: 32,
  inner: 32,
  c: 32,
  cStride: 32,
  accumulate: 32,
  rowList: 32,
} as const;

/** What the loader says of the pass it offers. */
const BLOCK = {
  blockReady: 1,
  blockEmpty: 1,
  blockFirst: 1,
  blockNewTile: 1,
  blockLast: 1,
  blockRows: COUNT_BITS,
} as const;

/** Cycles from the issue of a row to: its list index, its address. */
const INDEX_STAGE = 4;
const ADDRESS_STAGE = 5;

export type SequencerInputs = typeof SEQUENCER_FIELDS &
  typeof BLOCK & { start: 1; controlData: 32 };
type Inputs = { readonly [K in keyof SequencerInputs]: Signal };
type Kept = { readonly [K in keyof typeof SEQUENCER_FIELDS]: Signal } & {
  readonly hasList: Signal;
};

export interface SequencerOutputs {
  readonly [port: string]: number;
  /** The offered pass is taken. */
  take: 1;
  /** In the cycle after issue: a list index is asked for; the accumulator row and whether it is read. */
  controlValid: 1;
  controlAddress: number;
  rowValid: 1;
  accumulatorAddress: number;
  accumulatorRead: 1;
  /** Six cycles after issue. */
  blockValid: 1;
  blockAddress: number;
  /** The last row of an instruction is issued. */
  finished: 1;
  /** A list index was outside of its table. */
  fault: 1;
}

export function rowSequencer(
  columns: number,
  accumulateCycles: number,
  addressBits: number,
): Module<SequencerInputs, SequencerOutputs> {
  return defineModule({
    name: 'row_sequencer',
    comment: 'Issues the rows of activations of each pass: block addresses, accumulator addresses.',
    inputs: { start: 1, controlData: 32, ...BLOCK, ...SEQUENCER_FIELDS },
    outputs: {
      take: 1,
      controlValid: 1,
      controlAddress: addressBits,
      rowValid: 1,
      accumulatorAddress: addressBits,
      accumulatorRead: 1,
      blockValid: 1,
      blockAddress: addressBits,
      finished: 1,
      fault: 1,
    },
    body(inputs, m) {
      const issue = issueRows(m, inputs, accumulateCycles);
      const fields = keepFields(m, inputs, issue.take, addressBits);
      const row = addressRows(m, inputs, issue, fields, columns, addressBits);
      const look = lookUp(m, inputs, row, fields);
      return {
        take: issue.take,
        controlValid: row.valid.and(fields.hasList),
        controlAddress: row.list,
        rowValid: row.valid,
        accumulatorAddress: row.accumulator,
        accumulatorRead: row.reads,
        blockValid: delayed(m, 'valid', row.valid, ADDRESS_STAGE, { reset: 0 }),
        blockAddress: look.address,
        finished: issue.finished,
        fault: look.fault,
      };
    },
  });
}

interface Issue {
  readonly take: Signal;
  readonly valid: Signal;
  readonly passStart: Signal;
  readonly finished: Signal;
}

/** When passes begin and rows are issued. */
function issueRows(m: ModuleBuilder, inputs: Inputs, accumulateCycles: number): Issue {
  const { blockReady, blockEmpty, blockRows, blockLast } = inputs;
  const timer = m.register('timer', COUNT_BITS, {
    reset: 0,
    comment: 'cycles until a pass may begin',
  });
  const rowsLeft = m.register('rowsLeft', COUNT_BITS, {
    reset: 0,
    comment: 'rows of this pass to issue',
  });
  const lastPass = m.register('lastPass', 1);
  const take = blockReady.and(timer.eq(0)).named('take');
  const begin = take.and(blockEmpty.not()).named('passBegins');
  const rest = blockRows.sub(1);
  const shortest = constant(COUNT_BITS, accumulateCycles - 1);
  const length = rest.ltU(accumulateCycles).mux(shortest, rest);
  timer.set(begin.mux(length, timer.sub(1)), begin.or(timer.reduceOr()));
  rowsLeft.set(begin.mux(rest, rowsLeft.sub(1)), begin.or(rowsLeft.reduceOr()));
  lastPass.set(blockLast, begin);
  const endsAtOnce = take.and(blockEmpty.or(blockLast.and(blockRows.eq(1))));
  const endsNow = lastPass.and(rowsLeft.eq(1));
  return {
    take,
    valid: begin.or(rowsLeft.reduceOr()).named('issue'),
    passStart: begin,
    finished: endsAtOnce.or(endsNow),
  };
}

/** Fields wait beside the loader's until their first pass is taken. */
function keepFields(m: ModuleBuilder, inputs: Inputs, take: Signal, addressBits: number): Kept {
  const isAddress = new Set(['a', 'aStride', 'aInner', 'c', 'cStride', 'rowList']);
  const first = take.and(inputs.blockFirst).named('takeFirst');
  const keep = (name: keyof typeof SEQUENCER_FIELDS): Signal => {
    const bits = isAddress.has(name) ? addressBits : name === 'accumulate' ? 1 : COUNT_BITS;
    const waiting = m.delay(`${name}Waiting`, inputs[name].low(bits), { enable: inputs.start });
    return m.delay(`${name}Field`, waiting, { enable: first });
  };
  const names = Object.keys(SEQUENCER_FIELDS) as (keyof typeof SEQUENCER_FIELDS)[];
  const fields = Object.fromEntries(names.map((name) => [name, keep(name)])) as Omit<
    Kept,
    'hasList'
  >;
  const listed = inputs.rowList.ne(NONE);
  const waiting = m.delay('hasListWaiting', listed, { enable: inputs.start });
  return { ...fields, hasList: m.delay('hasList', waiting, { enable: first }) };
}

interface Row {
  readonly valid: Signal;
  readonly address: Signal;
  /** Address of block k of activation row 0. */
  readonly base: Signal;
  readonly list: Signal;
  readonly accumulator: Signal;
  readonly reads: Signal;
}

/** The cycle after issue: addresses of row (t, j), of its list entry and of its accumulators. */
function addressRows(
  m: ModuleBuilder,
  inputs: Inputs,
  issue: Issue,
  fields: Kept,
  columns: number,
  addressBits: number,
): Row {
  const valid = m.delay('rowValid', issue.valid, { reset: 0 });
  const start = m.delay('rowFirst', issue.passStart, { reset: 0 });
  const newTile = m.delay('passNewTile', inputs.blockNewTile, { enable: issue.take });
  const first = m.delay('passFirst', inputs.blockFirst, { enable: issue.take });

  const passBase = m.register('passBase', addressBits);
  const base = newTile.mux(fields.a, passBase.add(ACTIVATION_BLOCK_BYTES));
  passBase.set(base, start);

  const j = m.register('j', COUNT_BITS);
  const tokenAddress = m.register('tokenAddress', addressBits);
  const rowAddress = m.register('rowAddress', addressBits);
  const lastJ = j.add(1).eq(fields.inner).named('lastJ');
  const nextToken = start.mux(base, tokenAddress.add(fields.aStride)).named('nextToken');
  const newToken = start.or(lastJ).named('newToken');
  const address = newToken.mux(nextToken, rowAddress.add(fields.aInner)).named('address');
  j.set(newToken.mux(0, j.add(1)), valid);
  tokenAddress.set(nextToken, valid.and(newToken));
  rowAddress.set(address, valid);

  const listAddress = m.register('listAddress', addressBits);
  const list = start.mux(fields.rowList, listAddress.add(4)).named('list');
  listAddress.set(list, valid);

  const tileAddress = m.register('tileAddress', addressBits);
  const nextTile = first.mux(fields.c, tileAddress.add(4 * columns));
  const tile = newTile.mux(nextTile, tileAddress).named('tile');
  tileAddress.set(tile, start);
  const accumulatorAddress = m.register('accumulatorRow', addressBits);
  const accumulator = start.mux(tile, accumulatorAddress.add(fields.cStride)).named('accumulator');
  accumulatorAddress.set(accumulator, valid);
  const reads = newTile.not().or(fields.accumulate);
  return { valid, address, base: start.mux(base, passBase), list, accumulator, reads };
}

/** Row r of a list is activation row t = list[r], 0 where that is outside of the rows. */
function lookUp(
  m: ModuleBuilder,
  inputs: Inputs,
  row: Row,
  fields: Kept,
): { readonly address: Signal; readonly fault: Signal } {
  const later = (name: string, signal: Signal, stage: number): Signal =>
    delayed(m, name, signal, stage - 1);
  const limit = later('limit', fields.rows, INDEX_STAGE);
  const outside = inputs.controlData.geU(limit.zeroExtend(32)).named('outside');
  const index = m.delay('index', outside.mux(0, inputs.controlData.low(COUNT_BITS)));
  const stride = later('stride', fields.aStride, ADDRESS_STAGE);
  const listed = later('listed', fields.hasList, ADDRESS_STAGE);
  const offset = index.mulU(stride).low(row.address.width).named('offset');
  const base = later('base', row.base, ADDRESS_STAGE);
  const address = listed.mux(base.add(offset), later('address', row.address, ADDRESS_STAGE));
  const looksUp = delayed(m, 'looksUp', row.valid.and(fields.hasList), INDEX_STAGE - 1, {
    reset: 0,
  });
  return {
    address: m.delay('blockAddress', address as Register),
    fault: looksUp.and(outside),
  };
}
