/**
 * Dispatch: reads a gate a cycle, expert by expert, appends the tokens with a gate that is not zero to
 * the expert's list, and writes the length of the list after them.
 */
import { defineModule, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { delayed } from '../delay.ts';
import { ROW_BITS, type VectorWidths } from './shape.ts';

/** From the choice of a gate to its word: the request is a cycle later. */
const ARRIVAL_CYCLES = 4;

export function dispatchListsModule({ addressBits, columnBits }: VectorWidths) {
  return defineModule({
    name: 'vector_dispatch_lists',
    comment: 'Lists for each expert the tokens that have a gate for it, an entry a cycle.',
    inputs: {
      start: 1,
      a: addressBits,
      aStride: addressBits,
      rows: ROW_BITS,
      columns: columnBits,
      d: addressBits,
      list: addressBits,
      listStride: addressBits,
      word: 32,
    },
    outputs: {
      readValid: 1,
      readAddress: addressBits,
      writeValid: 1,
      writeAddress: addressBits,
      writeData: 32,
      /** The last request is made in the next cycle. */
      finish: 1,
    },
    body: (inputs, m) => listTokens(m, inputs),
  });
}

type Inputs = Readonly<
  Record<
    'start' | 'a' | 'aStride' | 'rows' | 'columns' | 'd' | 'list' | 'listStride' | 'word',
    Signal
  >
>;

function listTokens(m: ModuleBuilder, inputs: Inputs) {
  const keep = (name: keyof Inputs): Signal =>
    m.delay(`${name}Field`, inputs[name], { enable: inputs.start });
  const { isGate, isCount, address, finish } = requestGates(m, inputs, keep);
  const readValid = m.delay('readValid', isGate, { reset: 0 });
  const readAddress = m.delay('readAddress', address, { enable: isGate });
  const gate = delayed(m, 'gateArrives', isGate, ARRIVAL_CYCLES, { reset: 0 });
  const count = delayed(m, 'countArrives', isCount, ARRIVAL_CYCLES, { reset: 0 });
  return { readValid, readAddress, finish, ...writeEntries(m, inputs, keep, gate, count) };
}

type Keep = (name: keyof Inputs) => Signal;

/** Experts, and for each its rows and one cycle for the length of its list. */
function requestGates(m: ModuleBuilder, inputs: Inputs, keep: Keep) {
  const { start, a, columns } = inputs;
  const active = m.register('active', 1, { reset: 0 });
  const row = m.register('row', ROW_BITS);
  const experts = m.register('expertsLeft', columns.width);
  const first = m.register('firstGate', a.width, { comment: 'of the expert' });
  const gate = m.register('gate', a.width);
  const isCount = row.eq(keep('rows')).named('rowsDone');
  const finish = active.and(isCount).and(experts.eq(1)).named('finish');
  const nextExpert = active.and(isCount);
  active.set(start, start.or(finish));
  row.set(start.or(isCount).mux(0, row.add(1)), start.or(active));
  experts.set(start.mux(columns, experts.sub(1)), start.or(nextExpert));
  const nextFirst = first.add(4);
  first.set(start.mux(a, nextFirst), start.or(nextExpert));
  const walked = isCount.mux(nextFirst, gate.add(keep('aStride')));
  gate.set(start.mux(a, walked), start.or(active));
  return {
    isGate: active.and(isCount.not()),
    isCount: nextExpert,
    address: gate,
    finish,
  };
}

function writeEntries(
  m: ModuleBuilder,
  inputs: Inputs,
  keep: Keep,
  gateArrives: Signal,
  countArrives: Signal,
) {
  const { start, word, list, d } = inputs;
  const appends = gateArrives.and(word.low(31).reduceOr()).named('appends');
  const row = m.register('listedRow', ROW_BITS);
  const length = m.register('listLength', ROW_BITS);
  const firstEntry = m.register('firstEntry', list.width);
  const entry = m.register('entry', list.width);
  const counter = m.register('counter', d.width, { comment: 'where the length goes' });
  const restart = start.or(countArrives);
  row.set(restart.mux(0, row.add(1)), restart.or(gateArrives));
  length.set(restart.mux(0, length.add(1)), restart.or(appends));
  const nextEntries = firstEntry.add(keep('listStride'));
  firstEntry.set(start.mux(list, nextEntries), restart);
  entry.set(start.mux(list, countArrives.mux(nextEntries, entry.add(4))), restart.or(appends));
  counter.set(start.mux(d, counter.add(4)), restart);
  const writes = appends.or(countArrives);
  const data = countArrives.mux(length, row).zeroExtend(32);
  return {
    writeValid: m.delay('writeValid', writes, { reset: 0 }),
    writeAddress: m.delay('writeAddress', countArrives.mux(counter, entry), { enable: writes }),
    writeData: m.delay('writeData', data, { enable: writes }),
  };
}
