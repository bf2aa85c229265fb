/**
 * The sequencer: the microcode, its loops, and the course of an instruction.
 *
 *   start, then `preparing` (reading what is not in the instruction) until the first item is known,
 *   for combine `seeking` the next token, then `running`: a word for P cycles, one a context.
 *
 * The word is a register; which one follows is decided in the first of its cycles and looked up in the
 * last, so P is 2 at least.
 */
import {
  constant,
  defineModule,
  indexWidth,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { REGISTERS, type Condition } from '../../vector/microOps.ts';
import { registerBits } from './lane.ts';
import {
  assembleRom,
  CONDITIONS,
  INNER_LOOPS,
  OUTER_LOOPS,
  TARGET_BITS,
  unpackWord,
  WORD_BITS,
  type Word,
} from './microcodeRom.ts';
import type { VectorWidths } from './shape.ts';

/** Cycles to read a row count or a position. */
export const READ_CYCLES = 4;

/** What the sequencer needs to know in the cycle of `start`. */
export function sequencePorts({ addressBits, columnBits }: VectorWidths) {
  return {
    entry: TARGET_BITS,
    conditions: CONDITIONS.length,
    reads: 1,
    isToken: 1,
    /** Columns of the loops over windows, and times of the others. */
    extent: columnBits,
    columns: columnBits,
    groups: columnBits,
    topGroups: columnBits,
    topK: columnBits,
    terms: columnBits,
    /** Bytes from term to term of a sum. */
    aInner: addressBits,
    bInner: addressBits,
    divides: 1,
  };
}

type SequencePorts = ReturnType<typeof sequencePorts>;

export function sequencerModule(widths: VectorWidths) {
  const { addressBits, columnBits, contexts } = widths;
  return defineModule({
    name: 'vector_sequencer',
    comment: `The microcode, one word for ${contexts} cycles.`,
    inputs: {
      start: 1,
      ...sequencePorts(widths),
      /** As of the rows: an item now, and in the next cycle; rows then. */
      hasItem: 1,
      hasItemNext: 1,
      hasRowsNext: 1,
      tokenValid: 1,
    },
    outputs: {
      word: WORD_BITS,
      running: 1,
      /** The items of the contexts come from the walk. */
      firstSlot: 1,
      /** A token is to be found from this cycle on. */
      seek: 1,
      /** The last cycle of the last slot. */
      finish: 1,
      /** First register of the context. */
      registers: registerBits(contexts),
      /** First column of the window, step of the outer loop, columns of group `step`. */
      column: columnBits,
      step: columnBits,
      groupStart: columnBits,
      groupEnd: columnBits,
      /** Bytes from the first term to that of the step. */
      aTerm: addressBits,
      bTerm: addressBits,
    },
    body: (inputs, m) => sequence(m, inputs, widths),
  });
}

type Inputs = Readonly<
  Record<
    keyof SequencePorts | 'start' | 'hasItem' | 'hasItemNext' | 'hasRowsNext' | 'tokenValid',
    Signal
  >
>;

function sequence(m: ModuleBuilder, inputs: Inputs, widths: VectorWidths) {
  const slotEnd = m.wire('slotEnd', 1);
  const load = m.wire('loadWord', 1);
  const running = m.register('running', 1, { reset: 0 });
  const packed = m.register('word', WORD_BITS);
  const word = unpackWord(packed);
  const groups = divideColumns(m, inputs);
  const loops = runLoops(m, inputs, word, slotEnd, groups.width, widths);
  packed.set(fetchWord(m, inputs, word, loops, { running, load }), load);

  const { context, registers } = countContexts(m, running, widths.contexts);
  slotEnd.set(running.and(context.eq(widths.contexts - 1)));
  const ends = loops.inner.or(loops.outer).not().and(word.last);
  const batchEnd = slotEnd.and(ends).named('batchEnd');
  const firstSlot = m.register('firstSlot', 1, { reset: 0 });

  const course = runCourse(m, inputs, { running, batchEnd, isDivided: groups.isDone });
  load.set(course.prepared.or(slotEnd));
  const begins = course.begins.or(batchEnd);
  running.set(course.begins.or(course.goesOn), begins);
  firstSlot.set(begins, begins.or(slotEnd));
  return {
    word: packed,
    running,
    firstSlot,
    seek: course.seek,
    finish: course.finish,
    registers,
    column: loops.column,
    step: loops.step,
    groupStart: loops.groupStart,
    groupEnd: loops.groupStart.add(groups.width),
    aTerm: loops.aTerm,
    bTerm: loops.bTerm,
  };
}

// ---- the course of an instruction

interface Progress {
  readonly running: Signal;
  readonly batchEnd: Signal;
  readonly isDivided: Signal;
}

function runCourse(m: ModuleBuilder, inputs: Inputs, { batchEnd, isDivided }: Progress) {
  const { start, hasItem, hasItemNext, hasRowsNext, tokenValid } = inputs;
  const isToken = m.delay('isTokenField', inputs.isToken, { enable: start });
  const wait = m.register('reading', indexWidth(READ_CYCLES + 1), {
    comment: 'cycles of reading left',
  });
  wait.set(
    start.mux(inputs.reads.mux(READ_CYCLES, wait.constant(0)), wait.sub(1)),
    start.or(wait.reduceOr()),
  );
  const preparing = m.register('preparing', 1, { reset: 0 });
  const prepared = preparing.and(wait.reduceOr().not()).and(isDivided).named('prepared');
  preparing.set(start, start.or(prepared));

  // The rows know at once what is left; a token is sought only where there is a row for it.
  const goesOn = hasItemNext.named('goesOn');
  const seeksNext = prepared.or(batchEnd).and(isToken).and(hasRowsNext).and(goesOn.not());
  const seek = m.delay('seek', seeksNext, { reset: 0 });
  const startsRows = prepared.and(isToken.not()).and(hasItem);
  const isOver = goesOn.or(isToken.and(hasRowsNext)).not();
  return {
    prepared,
    seek,
    goesOn,
    begins: startsRows.or(tokenValid),
    finish: isOver.and(prepared.or(batchEnd)).named('finish'),
  };
}

/** The context of the cycle, and the address of its first register. */
function countContexts(m: ModuleBuilder, running: Signal, contexts: number) {
  const context = m.register('contextNumber', indexWidth(contexts), { reset: 0 });
  const registers = m.register('contextRegisters', registerBits(contexts), { reset: 0 });
  const isLast = context.eq(contexts - 1);
  context.set(isLast.mux(0, context.add(1)), running);
  registers.set(isLast.mux(0, registers.add(REGISTERS)), running);
  return { context, registers };
}

/** Columns of a group of experts: their number divided by that of the groups, by counting. */
function divideColumns(m: ModuleBuilder, { start, divides, columns, groups }: Inputs) {
  const divisor = m.delay('groupsField', groups, { enable: start });
  const rest = m.register('undivided', columns.width, { reset: 0 });
  const width = m.register('groupWidth', columns.width);
  const isDone = rest.reduceOr().not().or(rest.ltU(divisor)).named('isDivided');
  const first = divides.mux(columns, 0);
  rest.set(start.mux(first, rest.sub(divisor)), start.or(isDone.not()));
  width.set(start.mux(0, width.add(1)), start.or(isDone.not()));
  return { isDone, width };
}

// ---- loops

function runLoops(
  m: ModuleBuilder,
  inputs: Inputs,
  word: Word,
  slotEnd: Signal,
  groupWidth: Signal,
  { lanes, columnBits }: VectorWidths,
) {
  const keep = (name: keyof SequencePorts): Signal =>
    m.delay(`${name}Times`, inputs[name], { enable: inputs.start });
  const isWindows = word.innerLoop.eq(INNER_LOOPS.indexOf('windows'));
  const isFold = word.innerLoop.eq(INNER_LOOPS.indexOf('fold'));
  const isOuter = word.outerLoop.reduceOr();

  const column = m.register('column', columnBits, { reset: 0, comment: 'first of the window' });
  const nextColumn = column.add(lanes).named('nextColumn');
  const moreWindows = isWindows.and(nextColumn.ltU(keep('extent'))).named('moreWindows');
  column.set(moreWindows.mux(nextColumn, 0), slotEnd.and(isWindows));

  const levels = Math.log2(lanes);
  const level = m.register('foldLevel', indexWidth(levels), { reset: 0 });
  const moreFolds = isFold.and(level.ne(levels - 1)).named('moreFolds');
  level.set(moreFolds.mux(level.add(1), 0), slotEnd.and(isFold));

  const inner = moreWindows.or(moreFolds).named('innerGoesOn');
  const step = m.register('step', columnBits, { reset: 0, comment: 'of the outer loop' });
  const groupStart = m.register('groupStart', columnBits, { reset: 0 });
  const times = { none: word.outerLoop.constant(0, columnBits), columns: keep('columns') };
  const counts = {
    ...times,
    groups: keep('groups'),
    topGroups: keep('topGroups'),
    topK: keep('topK'),
    terms: keep('terms'),
  };
  const nextStep = step.add(1);
  const count = word.outerLoop.choose(OUTER_LOOPS.map((loop) => counts[loop]));
  const moreSteps = isOuter.and(nextStep.ltU(count)).named('moreSteps');
  const outerEnd = slotEnd.and(isOuter).and(inner.not());
  step.set(moreSteps.mux(nextStep, 0), outerEnd);
  groupStart.set(moreSteps.mux(groupStart.add(groupWidth), 0), outerEnd);
  const term = (operand: 'a' | 'b'): Signal => {
    const offset = m.register(`${operand}Term`, inputs[`${operand}Inner`].width, { reset: 0 });
    offset.set(moreSteps.mux(offset.add(keep(`${operand}Inner`)), 0), outerEnd);
    return offset;
  };
  return { inner, outer: moreSteps, column, step, groupStart, aTerm: term('a'), bTerm: term('b') };
}

// ---- microcode

interface Loops {
  readonly inner: Signal;
  readonly outer: Signal;
}

/** The word after this one; at the start and after the last, that of the entry. */
function fetchWord(
  m: ModuleBuilder,
  inputs: Inputs,
  word: Word,
  { inner, outer }: Loops,
  { running, load }: { readonly running: Signal; readonly load: Signal },
): Signal {
  const { start } = inputs;
  const rom = assembleRom();
  const entry = m.delay('entryField', inputs.entry, { enable: start });
  const conditions = m.delay('conditionsField', inputs.conditions, { enable: start });
  const at = m.register('wordIndex', TARGET_BITS, { comment: 'of the word' });
  const next = m.register('nextIndex', TARGET_BITS, { comment: 'of the word after it' });
  const skips = skipApplies(word.skip, conditions);
  const forward = word.last.mux(entry, skips.mux(word.skipTarget, at.add(1)));
  const target = inner.mux(word.innerTarget, outer.mux(word.outerTarget, forward));
  next.set(start.mux(inputs.entry, target), start.or(running));
  at.set(next, load);
  return next.choose(rom.words.map((packed) => constant(WORD_BITS, packed))).named('nextWord');
}

/** Never, always, then two codes for each condition: when it fails, when it holds. */
function skipApplies(skip: Signal, conditions: Signal): Signal {
  const bits = CONDITIONS.flatMap((_: Condition, i) => [
    conditions.bit(i).not(),
    conditions.bit(i),
  ]);
  return skip.choose([skip.constant(0, 1), skip.constant(1, 1), ...bits]);
}
