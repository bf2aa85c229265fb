/**
 * All lanes: what the sequencer says, in the cycles in which they need it, and the wires between them.
 *
 *   cycle 0      issue
 *         1      the request of a load
 *         3      registers are read
 *         4      operands: the word of memory is there            (FETCH)
 *         4 + P  the accumulator; a register takes it
 */
import { defineModule, joinLanes, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { ABSENT_BITS, CONSTANTS, FIELD_CONSTANTS } from '../../vector/microOps.ts';
import { constantBits } from '../../vector/laneOperations.ts';
import { bf16ToF32 } from '../arith/float.ts';
import { e8m0ToF32 } from '../arith/functions.ts';
import { delayed, delayedBundle } from '../delay.ts';
import { LOAD_FORMS } from './issue.ts';
import { laneModule, pathOf, registerBits } from './lane.ts';
import {
  A_SOURCES,
  B_SOURCES,
  CONSTANT_NAMES,
  MASKS,
  unpackWord,
  WORD_BITS,
  type Word,
} from './microcodeRom.ts';
import type { VectorWidths } from './shape.ts';

/** From the issue of a micro-operation to its operands. */
export const FETCH = 4;

export function lanesModule(widths: VectorWidths) {
  const { lanes, contexts, columnBits, lanesBits } = widths;
  return defineModule({
    name: 'vector_lanes',
    comment: `${lanes} lanes with ${contexts} contexts.`,
    inputs: {
      /** At issue. */
      word: WORD_BITS,
      running: 1,
      registers: registerBits(contexts),
      column: columnBits,
      /** A cycle after issue. */
      form: 2,
      lowerLane: lanesBits,
      upperLane: lanesBits,
      /** With the operands. */
      memory: 32 * lanes,
      /** Fields that are constants. */
      ...(Object.fromEntries(FIELD_CONSTANTS.map((name) => [name, 32])) as Record<
        (typeof FIELD_CONSTANTS)[number],
        32
      >),
    },
    outputs: { accumulators: 32 * lanes },
    body: (inputs, m) => connectLanes(m, inputs, widths),
  });
}

type Inputs = Readonly<
  Record<
    | 'word'
    | 'running'
    | 'registers'
    | 'column'
    | 'form'
    | 'lowerLane'
    | 'upperLane'
    | 'memory'
    | (typeof FIELD_CONSTANTS)[number],
    Signal
  >
>;

function connectLanes(
  m: ModuleBuilder,
  inputs: Inputs,
  { lanes, contexts, columnBits }: VectorWidths,
) {
  const word = unpackWord(inputs.word);
  const shared = controls(m, inputs, word, contexts);
  const masked = maskedLanes(m, inputs, word, lanes);
  const words = memoryWords(m, inputs, lanes);
  const negate = delayedBundle(m, 'negate', { all: word.negateAll, even: word.negateEven }, FETCH);
  const column = delayedBundle(m, 'columnOf', inputs.column, FETCH);
  const low = Math.log2(lanes);

  const lane = laneModule(contexts, columnBits);
  const wires = Array.from({ length: lanes }, (_, l) => m.wire(`accumulator${l}`, 32));
  const accumulators: readonly Signal[] = wires;
  for (let l = 0; l < lanes; l++) {
    const { accumulator } = m.instance(`lane${l}`, lane, {
      ...shared,
      negate: l % 2 === 0 ? negate.all.or(negate.even) : negate.all,
      masked: masked.bit(l),
      index: column.high(columnBits - low).concat(column.constant(l, low)),
      memory: words[l]!,
      foldLow: accumulators[l >> 1]!,
      foldHigh: accumulators[(l >> 1) + lanes / 2]!,
      swap: accumulators[l ^ 1]!,
    });
    wires[l]!.set(accumulator);
  }
  return { accumulators: joinLanes(accumulators) };
}

/** What all lanes are told. */
function controls(m: ModuleBuilder, inputs: Inputs, word: Word, contexts: number) {
  const { operation, a, b, form } = delayedBundle(m, 'control', pick(word), FETCH);
  const isRegister = (sources: readonly string[], source: Signal): Signal =>
    source.eq(sources.indexOf('register'));
  const reads = isRegister(A_SOURCES, word.a).or(isRegister(B_SOURCES, word.b));
  const address = (register: Signal): Signal =>
    inputs.registers.add(register.zeroExtend(inputs.registers.width));
  const saves = inputs.running.and(word.saves);
  const toResult = FETCH + contexts;
  return {
    operation,
    a,
    b,
    form,
    path: delayedBundle(m, 'path', pathOf(operation), contexts),
    constant: constantOf(m, inputs, word),
    read: delayed(m, 'read', inputs.running.and(reads), FETCH - 1, { reset: 0 }),
    readAddress: delayedBundle(m, 'readAddress', address(word.register), FETCH - 1),
    write: delayed(m, 'save', saves, toResult, { reset: 0 }),
    writeAddress: delayedBundle(m, 'saveAddress', address(word.save), toResult),
  };
}

function pick({ operation, a, b, form }: Word) {
  return { operation, a, b, form };
}

/** The constant of the micro-operation, with the operands. */
function constantOf(m: ModuleBuilder, inputs: Inputs, word: Word): Signal {
  const code = delayedBundle(m, 'constantCode', word.constant, FETCH - 1);
  const values = CONSTANT_NAMES.map((name) => {
    if (name === 'absent') return inputs.memory.constant(ABSENT_BITS, 32);
    return name in CONSTANTS
      ? inputs.memory.constant(constantBits(name), 32)
      : inputs[name as (typeof FIELD_CONSTANTS)[number]];
  });
  return m.delay('constant', code.choose(values));
}

/** A bit for each lane that does not take part, with the operands. */
function maskedLanes(m: ModuleBuilder, inputs: Inputs, word: Word, lanes: number): Signal {
  const { lowerLane, upperLane } = inputs;
  const range = delayedBundle(m, 'range', { lower: lowerLane, upper: upperLane }, FETCH - 2);
  const masks = delayedBundle(m, 'masks', word.mask.ne(MASKS.indexOf('none')), FETCH - 1);
  const bits = Array.from({ length: lanes }, (_, l) => {
    const isBelow = range.lower.constant(l).ltU(range.lower);
    return masks.and(isBelow.or(range.upper.constant(l).ltU(range.upper).not()));
  });
  return m.delay('masked', joinLanes(bits));
}

/** The word of each lane, as the load has it. */
function memoryWords(m: ModuleBuilder, inputs: Inputs, lanes: number): Signal[] {
  const { memory } = inputs;
  const form = delayedBundle(m, 'formOf', inputs.form, FETCH - 1);
  return Array.from({ length: lanes }, (_, l) => {
    const forms = {
      words: memory.slice(32 * l + 31, 32 * l),
      halves: bf16ToF32(memory.slice(16 * l + 15, 16 * l)),
      bytes: e8m0ToF32(memory.slice(8 * l + 7, 8 * l)),
      one: memory.low(32),
    };
    return form.choose(LOAD_FORMS.map((name) => forms[name]));
  });
}
