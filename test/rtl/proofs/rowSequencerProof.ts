/**
 * What the row sequencer promises: the rows of every pass are issued one by one, and row (t, j) of pass
 * (tile n, block k) asks for
 *
 *   the activation block at a + t·aStride + j·aInner + 33·k, or a + list[r]·aStride + 33·k,
 *   the list entry at rowList + 4·r, the accumulators at c + r·cStride + 4·columns·n,
 *
 * in this order and nothing else. Addresses have few bits here: each bit depends only on lower ones.
 *
 * Assumed: passes are offered as the weight loader offers them.
 */
import { snakeCase } from '../../../src/hdl/names.ts';
import { constant, defineModule, type ModuleBuilder, type Signal } from '../../../src/hdl/index.ts';
import {
  ACTIVATION_BLOCK_BYTES,
  COUNT_BITS,
} from '../../../src/target/jade/rtl/matrix/matrixShape.ts';
import {
  rowSequencer,
  SEQUENCER_FIELDS,
} from '../../../src/target/jade/rtl/matrix/rowSequencer.ts';
import { NONE } from '../../../src/target/jade/isa.table.ts';
import { peek } from '../peek.ts';
import { implies } from './conditions.ts';

const BITS = 6;
const COLUMNS = 2;
const ACCUMULATE_CYCLES = 3;

type Named = Readonly<Record<string, Signal>>;

const INSIDE = {
  timerNow: 'timer',
  rowsLeftNow: 'rows_left',
  rowFirstNow: 'row_first',
  newTileNow: 'pass_new_tile',
  firstNow: 'pass_first',
  passBaseNow: 'pass_base',
  tokenNow: 'token_address',
  rowNow: 'row_address',
  jNow: 'j',
  listNow: 'list_address',
  tileNow: 'tile_address',
  accumulatorNow: 'accumulator_row',
};

const FIELD_NAMES = Object.keys(SEQUENCER_FIELDS) as (keyof typeof SEQUENCER_FIELDS)[];

/** Registers of the fields: of the instruction that waits, of the one in use. */
function fieldRegisters(): Record<string, string> {
  const registers = FIELD_NAMES.flatMap((name) => {
    const text = snakeCase(name);
    return [
      [`${name}Waiting`, `${text}_waiting`],
      [`${name}InUse`, `${text}_field`],
    ];
  });
  const list = { hasListWaiting: 'has_list_waiting', hasListInUse: 'has_list' };
  return { ...Object.fromEntries(registers), ...list };
}

export function rowSequencerProof() {
  const unit = rowSequencer(COLUMNS, ACCUMULATE_CYCLES, BITS);
  const inputs = Object.fromEntries(
    Object.entries<Signal>(unit.inputs).map(([port, { width }]) => [port, width]),
  );
  return defineModule({
    name: 'row_sequencer_proof',
    inputs,
    outputs: {},
    body(ports: Named, m) {
      const dut = m.instance(
        'dut',
        peek(unit, { ...INSIDE, ...fieldRegisters() }),
        ports as never,
      ) as Named;
      const pass = followPasses(m, ports, dut);
      const fields = keepFields(m, ports, dut, pass);
      const row = followRows(m, dut, fields);
      proveInside(m, dut, pass, fields, row);
      proveAddresses(m, ports, dut, pass, fields, row);
      return {};
    },
  });
}

interface Pass {
  readonly takeFirst: Signal;
  /** An instruction has started and none of its passes is taken. */
  readonly expectsFirst: Signal;
  /** Block of k, tile of columns and rows of the pass whose rows are addressed. */
  readonly k: Signal;
  readonly tile: Signal;
  readonly rows: Signal;
  /** The fields in use are those of an instruction whose first pass has begun. */
  readonly open: Signal;
}

/** The passes of an instruction, in the order of the loader, and what it offers. */
function followPasses(m: ModuleBuilder, ports: Named, dut: Named): Pass {
  const of = (name: string): Signal => ports[name]!;
  const take = dut['take']!;
  const waiting = m.register('waiting', 1, { reset: 0 });
  const expectsFirst = m.register('expectsFirst', 1, { reset: 0 });
  const rowsOffered = m.delay('rowsOffered', of('blockRows'), { enable: of('start') });
  waiting.set(of('start').or(waiting.and(take.and(of('blockLast')).not())));
  expectsFirst.set(of('start').or(expectsFirst.and(take.not())));
  m.assume('startsWhenFree', of('start').and(waiting).not());
  m.assume('offersWhatWaits', implies(of('blockReady'), waiting));
  m.assume('offersTheFirstFirst', of('blockFirst').eq(expectsFirst));
  m.assume('beginsWithATile', implies(of('blockFirst'), of('blockNewTile')));
  m.assume('emptyIsTheOnlyPass', implies(of('blockEmpty'), of('blockFirst').and(of('blockLast'))));
  m.assume('emptyIsNoRows', of('blockEmpty').eq(of('blockRows').eq(0)));
  m.assume('rowsStay', implies(waiting, of('blockRows').eq(rowsOffered)));

  const begin = take.and(of('blockEmpty').not()).named('passBegins');
  const takeFirst = take.and(of('blockFirst')).named('takeFirst');
  const k = m.register('k', BITS);
  const tile = m.register('tile', BITS);
  k.set(of('blockNewTile').mux(0, k.add(1)), begin);
  tile.set(of('blockFirst').mux(0, tile.add(of('blockNewTile').zeroExtend(BITS))), begin);
  const rows = m.delay('rowsOfPass', of('blockRows'), { enable: begin });
  const open = m.register('open', 1, { reset: 0 });
  open.set(takeFirst.not().and(open.or(dut['rowFirstNow']!)));
  const going = waiting.and(expectsFirst.not());
  m.assert('firstPassHasBegun', implies(going, open.or(dut['rowFirstNow']!)));
  m.assert('expectsWhatWaits', implies(expectsFirst, waiting));
  return { takeFirst, expectsFirst, k, tile, rows, open };
}

type Fields = Record<keyof typeof SEQUENCER_FIELDS | 'hasList', Signal>;

/** The fields of the instruction whose rows are addressed; the unit keeps the same. */
function keepFields(m: ModuleBuilder, ports: Named, dut: Named, pass: Pass): Fields {
  const inUse = pass.open.or(dut['rowFirstNow']!);
  const keep = (name: string, value: Signal): Signal => {
    const waiting = m.delay(`${name}Next`, value, { enable: ports['start']! });
    const used = m.delay(`${name}Used`, waiting, { enable: pass.takeFirst });
    const [next, now] = [dut[`${name}Waiting`]!, dut[`${name}InUse`]!];
    m.assert(`${name}Waits`, implies(pass.expectsFirst, next.eq(waiting.low(next.width))));
    m.assert(`${name}IsInUse`, implies(inUse, now.eq(used.low(now.width))));
    return used;
  };
  const kept = FIELD_NAMES.map((name) => [name, keep(name, ports[name]!)]);
  const hasList = keep('hasList', ports['rowList']!.ne(NONE));
  return { ...Object.fromEntries(kept), hasList } as Fields;
}

interface Row {
  readonly t: Signal;
  readonly j: Signal;
  readonly r: Signal;
}

/** The row addressed in this cycle, and the one before it in the same pass. */
function followRows(m: ModuleBuilder, dut: Named, fields: Fields): { now: Row; last: Row } {
  const register = (name: string) => m.register(name, COUNT_BITS);
  const last = { t: register('tLast'), j: register('jLast'), r: register('rLast') };
  const first = dut['rowFirstNow']!;
  const wraps = last.j.add(1).eq(fields.inner.low(COUNT_BITS)).named('wraps');
  const now = {
    t: first.mux(0, wraps.mux(last.t.add(1), last.t)).named('tNow'),
    j: first.mux(0, wraps.mux(0, last.j.add(1))).named('jNow'),
    r: first.mux(0, last.r.add(1)).named('rNow'),
  };
  for (const name of ['t', 'j', 'r'] as const) last[name].set(now[name], dut['rowValid']!);
  return { now, last };
}

function times(factor: Signal, count: Signal | number): Signal {
  const other = typeof count === 'number' ? constant(BITS, count % 2 ** BITS) : count.low(BITS);
  return factor.low(BITS).mulU(other).low(BITS);
}

/** Where the addresses of a pass begin. */
function origins(pass: Pass, fields: Fields) {
  return {
    base: fields.a.low(BITS).add(times(pass.k, ACTIVATION_BLOCK_BYTES)).named('originOfRows'),
    sums: fields.c
      .low(BITS)
      .add(times(pass.tile, 4 * COLUMNS))
      .named('originOfSums'),
  };
}

/** What the registers hold between rows and between passes; induction needs it. */
function proveInside(
  m: ModuleBuilder,
  dut: Named,
  pass: Pass,
  fields: Fields,
  { now, last }: { now: Row; last: Row },
): void {
  const of = (name: string): Signal => dut[name]!;
  const { base, sums } = origins(pass, fields);
  const [valid, first] = [of('rowValid'), of('rowFirstNow')];
  const goesOn = valid.and(first.not()).named('goesOn');
  const token = base.add(times(fields.aStride, last.t));
  const list = fields.rowList.low(BITS).add(times(last.r, 4));
  m.assert('rowsFollowEachOther', implies(of('rowsLeftNow').reduceOr(), valid));
  m.assert('firstIsARow', implies(first, valid.and(of('timerNow').reduceOr())));
  m.assert('passLastsAsItsRows', of('timerNow').geU(of('rowsLeftNow')));
  m.assert('issuesEachRow', implies(valid, of('rowsLeftNow').add(now.r).add(1).eq(pass.rows)));
  m.assert('fieldsStay', implies(goesOn, pass.open));
  m.assert('keepsTheToken', implies(goesOn, of('tokenNow').eq(token)));
  m.assert(
    'keepsTheRow',
    implies(goesOn, of('rowNow').eq(token.add(times(fields.aInner, last.j)))),
  );
  m.assert('keepsJ', implies(goesOn, of('jNow').eq(last.j)));
  m.assert('keepsTheEntry', implies(goesOn, of('listNow').eq(list)));
  const sumsOfLast = sums.add(times(fields.cStride, last.r));
  m.assert('keepsTheSums', implies(goesOn, of('accumulatorNow').eq(sumsOfLast)));

  const settled = pass.open.and(first.not());
  const [isFirst, isNew] = [of('firstNow'), of('newTileNow')];
  const tileBefore = sums.sub(isNew.mux(4 * COLUMNS, constant(BITS, 0)));
  const baseBefore = base.sub(ACTIVATION_BLOCK_BYTES);
  m.assert('keepsTheBase', implies(settled, of('passBaseNow').eq(base)));
  m.assert('keepsTheTile', implies(settled, of('tileNow').eq(sums)));
  m.assert('hadTheBase', implies(first.and(isNew.not()), of('passBaseNow').eq(baseBefore)));
  m.assert('hadTheTile', implies(first.and(isFirst.not()), of('tileNow').eq(tileBefore)));
  m.assert('newTileIsBlock0', implies(first.and(isNew), pass.k.eq(0)));
  m.assert('firstIsTile0', implies(first.and(isFirst), pass.tile.eq(0).and(isNew)));
}

function proveAddresses(
  m: ModuleBuilder,
  ports: Named,
  dut: Named,
  pass: Pass,
  fields: Fields,
  { now }: { now: Row },
): void {
  const of = (name: string): Signal => dut[name]!;
  const { base, sums } = origins(pass, fields);
  const valid = of('rowValid');
  const list = fields.rowList.low(BITS).add(times(now.r, 4));
  m.assert('asksForItsEntry', implies(valid.and(fields.hasList), of('controlAddress').eq(list)));
  m.assert('asksOnlyWithAList', of('controlValid').eq(valid.and(fields.hasList)));
  const accumulator = sums.add(times(fields.cStride, now.r));
  m.assert('addressesItsSums', implies(valid, of('accumulatorAddress').eq(accumulator)));

  const direct = base.add(times(fields.aStride, now.t)).add(times(fields.aInner, now.j));
  const inside = ports['controlData']!.ltU(
    later(m, 'limit', fields.rows.low(COUNT_BITS), 3).zeroExtend(32),
  );
  const index = inside.mux(ports['controlData']!.low(BITS), 0);
  const listed = later(m, 'origin', base, 3).add(
    times(later(m, 'stride', fields.aStride.low(BITS), 3), index),
  );
  const isListed = later(m, 'listed', fields.hasList, 3);
  const expected = later(m, 'expected', isListed.mux(listed, later(m, 'direct', direct, 3)), 2);
  const asks = later(m, 'asks', valid, 5, 0);
  m.assert('asksForEachBlock', of('blockValid').eq(asks));
  m.assert('asksForItsBlock', implies(asks, of('blockAddress').eq(expected)));
}

function later(
  m: ModuleBuilder,
  name: string,
  value: Signal,
  cycles: number,
  reset?: number,
): Signal {
  let last = value;
  for (let i = 1; i <= cycles; i++) {
    last = m.delay(`${name}Later${i}`, last, reset === undefined ? {} : { reset });
  }
  return last;
}
