/**
 * The first cycle of a micro-operation: which bytes it loads and stores, and which lanes take part. The
 * contexts' items come from the walk in the first slot of a batch, and round again in the others.
 */
import { defineModule, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { MX_BLOCK } from '../../../../ir/index.ts';
import type { Load, Store } from '../../vector/microOps.ts';
import { delayedBundle } from '../delay.ts';
import {
  LOAD_NAMES,
  MASKS,
  STORE_NAMES,
  unpackWord,
  WORD_BITS,
  type Word,
} from './microcodeRom.ts';
import type { VectorWidths } from './shape.ts';

/** What a window of memory is to the lanes. */
export const LOAD_FORMS = ['words', 'halves', 'bytes', 'one'] as const;

interface Addressing {
  readonly operand: 'a' | 'b' | 'd';
  /** Of the first byte from that of the item: the window, half a row, a word, the step of the loop, the term of a sum. */
  readonly offset: 'window' | 'half' | 'none' | 'word' | 'step' | 'aTerm' | 'bTerm';
  readonly form: 'words' | 'pairs' | 'bytes' | 'one';
}

const LOAD_ADDRESSING: Readonly<Record<Load, Addressing>> = {
  a: { operand: 'a', offset: 'window', form: 'words' },
  aHalf: { operand: 'a', offset: 'half', form: 'words' },
  b: { operand: 'b', offset: 'window', form: 'words' },
  bHalf: { operand: 'b', offset: 'half', form: 'words' },
  pairs: { operand: 'b', offset: 'none', form: 'pairs' },
  pairsHalf: { operand: 'b', offset: 'half', form: 'pairs' },
  bytes: { operand: 'b', offset: 'window', form: 'bytes' },
  gate: { operand: 'b', offset: 'none', form: 'one' },
  d: { operand: 'd', offset: 'window', form: 'words' },
  dWord0: { operand: 'd', offset: 'none', form: 'one' },
  dWord1: { operand: 'd', offset: 'word', form: 'one' },
  dStep: { operand: 'd', offset: 'step', form: 'one' },
  aTerm: { operand: 'a', offset: 'aTerm', form: 'words' },
  bTerm: { operand: 'b', offset: 'bTerm', form: 'one' },
};

const OPERANDS = ['a', 'b', 'd'] as const;
const OFFSETS = ['none', 'window', 'half', 'word', 'step', 'aTerm', 'bTerm'] as const;
const FORMS = ['words', 'pairs', 'bytes', 'one'] as const;

export function issueModule(widths: VectorWidths) {
  const { addressBits, columnBits, lanesBits, bytesBits } = widths;
  return defineModule({
    name: 'vector_issue',
    comment: 'The addresses and lanes of a micro-operation, a cycle after its issue.',
    inputs: {
      word: WORD_BITS,
      running: 1,
      firstSlot: 1,
      itemA: addressBits,
      itemB: addressBits,
      itemD: addressBits,
      itemColumns: columnBits,
      itemVisible: columnBits,
      itemValid: 1,
      column: columnBits,
      step: columnBits,
      groupStart: columnBits,
      groupEnd: columnBits,
      aTerm: addressBits,
      bTerm: addressBits,
      columns: columnBits,
      isMx: 1,
      isBf16: 1,
    },
    outputs: {
      readValid: 1,
      readAddress: addressBits,
      readBytes: bytesBits,
      form: 2,
      /** Lanes that take part: from the first, below the second. */
      lowerLane: lanesBits,
      upperLane: lanesBits,
      writeValid: 1,
      writeAddress: addressBits,
      writeBytes: bytesBits,
      writesBlocks: 1,
      /** A wide group: its window is measured, or encoded. */
      measures: 1,
      isFirst: 1,
      isWide: 1,
    },
    body: (inputs, m) => issue(m, inputs, widths),
  });
}

type Inputs = Readonly<
  Record<
    | 'word'
    | 'running'
    | 'firstSlot'
    | 'itemA'
    | 'itemB'
    | 'itemD'
    | 'itemColumns'
    | 'itemVisible'
    | 'itemValid'
    | 'column'
    | 'step'
    | 'groupStart'
    | 'groupEnd'
    | 'aTerm'
    | 'bTerm'
    | 'columns'
    | 'isMx'
    | 'isBf16',
    Signal
  >
>;

interface ContextItem {
  readonly [name: string]: Signal;
  readonly a: Signal;
  readonly b: Signal;
  readonly d: Signal;
  readonly columns: Signal;
  readonly visible: Signal;
  readonly valid: Signal;
}

function issue(m: ModuleBuilder, inputs: Inputs, widths: VectorWidths) {
  const { running, column } = inputs;
  const word = unpackWord(inputs.word);
  const item = contextItem(m, inputs, widths.contexts);
  const lanes = clampToLanes(item.columns, column, widths);
  const active = running.and(item.valid).named('active');
  return {
    ...load(m, inputs, word, item, lanes, active),
    ...takingPart(m, inputs, word, item, widths),
    ...store(m, inputs, word, item, lanes, active),
  };
}

/** The item of the context whose turn it is. */
function contextItem(m: ModuleBuilder, inputs: Inputs, contexts: number): ContextItem {
  const { firstSlot, itemA, itemB, itemD, itemColumns, itemVisible, itemValid } = inputs;
  const walked: ContextItem = {
    a: itemA,
    b: itemB,
    d: itemD,
    columns: itemColumns,
    visible: itemVisible,
    valid: itemValid,
  };
  const entries = Object.entries(walked).map(([name, signal]) => {
    const round = m.wire(`${name}Round`, signal.width);
    const now = firstSlot.mux(signal, round).named(`${name}Now`);
    round.set(delayedBundle(m, `${name}Of`, now, contexts));
    return [name, now];
  });
  return Object.fromEntries(entries) as ContextItem;
}

/** How many of the lanes from `first` on lie before `end`: 0 … lanes. */
function clampToLanes(end: Signal, first: Signal, { lanes, lanesBits }: VectorWidths): Signal {
  const rest = end.sub(first);
  const isNone = first.ltU(end).not();
  const isAll = rest.shr(Math.log2(lanes)).reduceOr();
  return isNone.mux(0, isAll.mux(lanes, rest.low(lanesBits)));
}

// ---- loads

function load(
  m: ModuleBuilder,
  inputs: Inputs,
  word: Word,
  item: ContextItem,
  lanes: Signal,
  active: Signal,
) {
  const { column, step, aTerm, bTerm, columns, isBf16 } = inputs;
  const addressing = [LOAD_ADDRESSING.a, ...LOAD_NAMES.map((name) => LOAD_ADDRESSING[name])];
  const code = (codes: readonly number[], bits: number): Signal =>
    word.load.choose(codes.map((value) => word.load.constant(value, bits)));
  const operand = code(
    addressing.map((load) => OPERANDS.indexOf(load.operand)),
    2,
  );
  const form = code(
    addressing.map((load) => FORMS.indexOf(load.form)),
    2,
  );
  const isHalves = isBf16.and(word.load.eq(1 + LOAD_NAMES.indexOf('a'))).named('isHalves');
  const wide = (signal: Signal): Signal => signal.zeroExtend(item.a.width);
  const windows = { words: wide(column).shl(2), pairs: wide(column), bytes: wide(column), one: 0 };
  const window = isHalves.mux(wide(column).shl(1), form.choose(FORMS.map((f) => windows[f])));
  const offsets = {
    none: 0,
    window,
    half: wide(columns).shl(1),
    word: 4,
    step: wide(step).shl(2),
    aTerm,
    bTerm,
  };
  const offset = code(
    addressing.map((load) => OFFSETS.indexOf(load.offset)),
    3,
  );
  const base = operand.choose(OPERANDS.map((name) => item[name]!));
  const bytesBits = lanes.width + 2;
  const count = lanes.zeroExtend(bytesBits);
  const bytes = { words: count.shl(2), pairs: count.shl(1), bytes: count, one: 4 };
  const laneForm = { words: 0, pairs: 0, bytes: 2, one: 3 };
  const lateForm = form.choose(FORMS.map((f) => form.constant(laneForm[f])));
  const reads = active.and(word.load.reduceOr()).named('reads');
  return {
    readValid: m.delay('readValid', reads, { reset: 0 }),
    readAddress: m.delay(
      'readAddress',
      base.add(offset.choose(OFFSETS.map((name) => offsets[name]))),
      { enable: reads },
    ),
    readBytes: m.delay(
      'readBytes',
      isHalves.mux(count.shl(1), form.choose(FORMS.map((f) => bytes[f]))),
      { enable: reads },
    ),
    form: m.delay('form', isHalves.mux(LOAD_FORMS.indexOf('halves'), lateForm)),
  };
}

// ---- lanes

function takingPart(
  m: ModuleBuilder,
  inputs: Inputs,
  word: Word,
  item: ContextItem,
  widths: VectorWidths,
) {
  const { column, step, groupStart, groupEnd } = inputs;
  const { lanes, lanesBits } = widths;
  const clamp = (end: Signal): Signal => clampToLanes(end, column, widths);
  const lane = step.low(lanesBits);
  const lower = { none: 0, visible: 0, group: clamp(groupStart), lane };
  const upper = {
    none: lanes,
    visible: clamp(item.visible),
    group: clamp(groupEnd),
    lane: lane.add(1),
  };
  return {
    lowerLane: m.delay('lowerLane', word.mask.choose(MASKS.map((mask) => lower[mask]))),
    upperLane: m.delay('upperLane', word.mask.choose(MASKS.map((mask) => upper[mask]))),
  };
}

// ---- stores

function store(
  m: ModuleBuilder,
  inputs: Inputs,
  word: Word,
  item: ContextItem,
  lanes: Signal,
  active: Signal,
) {
  const { column, columns, isMx } = inputs;
  const is = (name: Store): Signal => word.store.eq(1 + STORE_NAMES.indexOf(name));
  const isOne = is('word0').or(is('word1'));
  const wide = (signal: Signal): Signal => signal.zeroExtend(item.d.width);
  const first = is('dHalf').mux(wide(columns).shr(1), wide(column)).named('firstStored');
  const window = isMx.mux(withScales(first), first.shl(2));
  const offset = isOne.mux(is('word1').mux(4, item.d.constant(0)), window);
  const count = lanes.zeroExtend(lanes.width + 2);
  const bytes = isOne.mux(4, isMx.mux(withScales(count), count.shl(2)));
  const stores = active.and(word.store.reduceOr());
  const measures = stores.and(is('measure'));
  const writes = stores.and(is('measure').not()).named('writes');
  return {
    writeValid: m.delay('writeValid', writes, { reset: 0 }),
    writeAddress: m.delay('writeAddress', item.d.add(offset), { enable: writes }),
    writeBytes: m.delay('writeBytes', bytes, { enable: writes }),
    writesBlocks: m.delay('writesBlocks', isMx.and(isOne.not())),
    measures: m.delay('measures', measures),
    isFirst: m.delay('isFirst', column.reduceOr().not()),
    isWide: m.delay('isWide', is('wide')),
  };
}

/** Bytes of blocks with so many elements. */
function withScales(elements: Signal): Signal {
  return elements.add(elements.shr(Math.log2(MX_BLOCK)));
}
